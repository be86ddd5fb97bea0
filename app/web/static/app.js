// Pages work without this. With it a change swaps what is on the page, so that
// focus and scrolling stay where they were.

const status = document.getElementById("status");
const underway = new Set();
let last = Promise.resolve();
let pressed = last; // until the button or key that is held down is let go

// swap shows the page that an address answers with, once those asked for
// before are shown. What is asked for twice at once is done once.
function swap(address, options, key) {
  const name = `${address} ${options.body ?? ""}`;
  if (underway.has(name)) return;
  underway.add(name);
  last = last.then(() => show(address, options, key)).catch(() => location.reload()).finally(() => underway.delete(name));
}

// show leaves a visitor who is refused something on the list, brought up to date.
async function show(address, options, key) {
  const answer = await ask(address, options);
  const page = answer?.refusal ? await ask(place(), {}) : answer;
  await pressed;
  if (page?.refusal) notice(answer.refusal);
  else if (page) change(page, { ...options, address, key, refusal: answer.refusal });
}

// ask fetches a page. A refusal is what it says, but for a stale token: that is
// made good, so that trying again is all there is to do.
async function ask(address, options) {
  try {
    const answer = await fetch(address, options);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const { pathname, search } = new URL(answer.url);
    const main = page.querySelector("main");
    const words = [...(main.querySelector("h1.refusal")?.parentElement.children ?? [])].map((e) => e.textContent).join(". ");
    const refusal = answer.status === 400 ? "That was not done: the page was open for too long, or cookies are off or were cleared. Please try again." : words;
    return { main, refusal, title: page.title, address: (answer.redirected || !options.method) && pathname + search };
  } catch {
    notice("The list cannot be reached. Please try again.");
  }
}

// place is the address of the list that is shown, with no item being edited.
function place() {
  const query = new URLSearchParams(location.search);
  query.delete("edit");
  return `/?${query}`;
}

function change({ main, title, address }, asked) {
  const neighbours = keysAround(asked.key);
  const typing = typingIn(document.activeElement);
  const field = carryOver(main, asked);
  document.querySelector("main").replaceWith(document.adoptNode(main));
  document.title = title;
  if (address) history.replaceState(null, "", address);
  focusAgain(main, field, typing, neighbours);
  if (asked.refusal && !field) notice(asked.refusal);
  else tell(main, asked.said);
}

// carryOver puts what was written into a fresh page, and returns the field that
// needs attention.
function carryOver(fresh, { address, method, body, refusal }) {
  const field = fresh.querySelector('[aria-invalid="true"], #text');
  const added = address === "/add";
  const saved = address === document.getElementById("edit")?.getAttribute("action");
  keepTyped(fresh, added && !refusal ? body.get("name") : "");
  const gone = (refusal || (method && !saved)) && keepEditor(fresh);
  if (gone || !refusal || !(added || saved)) return gone || field;
  return explain(fresh.querySelector(added ? "#name" : "#text"), refusal);
}

// keepTyped carries over what was typed and not sent.
function keepTyped(fresh, sent) {
  const typed = document.getElementById("name")?.value ?? "";
  const field = fresh.querySelector("#name");
  if (field && typed !== sent) field.value = typed;
}

// keepEditor carries over the item that is being edited. When it is gone, it
// returns the field that says so, and has what was written when it was empty.
function keepEditor(fresh) {
  const editor = document.querySelector(".editing");
  if (!editor || fresh.querySelector(".editing")) return;
  const item = fresh.querySelector(`#${editor.id}`);
  if (item) {
    const form = document.getElementById("edit");
    form.elements.csrf_token.value = fresh.querySelector("[name=csrf_token]").value;
    editor.querySelector(".problem")?.removeAttribute("role"); // it was told
    item.replaceWith(editor);
    fresh.append(form);
    return;
  }
  const written = editor.querySelector("#text").value;
  const field = fresh.querySelector("#name");
  const where = field.value ? `You had written: ${written}` : "What you wrote is in the field now.";
  field.value ||= written;
  return explain(field, `The item that you were changing is no longer on this page. ${where}`);
}

// explain says beside a field what is wrong.
function explain(field, text) {
  const around = field.closest("li, form");
  around.querySelector(".problem")?.remove();
  const problem = Object.assign(document.createElement("p"), { id: `${field.id}-problem`, className: "problem", role: "alert", textContent: text });
  around.append(problem);
  field.setAttribute("aria-describedby", problem.id);
  return field;
}

// notice says what is wrong on the page as it is.
function notice(text) {
  status.className = "notice";
  status.textContent = text;
}

// keysAround names the control that had the focus and those that stand in for
// it when it is gone: its like on the next items, then on those before.
function keysAround(key) {
  const [kind, id] = (key || "").split("-");
  if (!id) return [key];
  const all = [...document.querySelectorAll(`[data-key^="${kind}-"]`)].map((e) => e.dataset.key);
  const at = all.indexOf(key);
  const swapped = kind === "save" ? [`edit-${id}`] : [];
  return [key, ...swapped, ...all.slice(at + 1), ...all.slice(0, at).reverse()];
}

// typingIn is where the visitor is in a text.
function typingIn({ id, selectionStart, selectionEnd, selectionDirection, scrollLeft }) {
  return { id, caret: [selectionStart, selectionEnd, selectionDirection], scroll: scrollLeft };
}

// focusAgain goes to the field that needs attention, or else to where the
// visitor types, or else to the control that was used.
function focusAgain(main, field, typing, keys) {
  const typed = [...main.querySelectorAll("#name, #text")].find((e) => e.id === typing.id);
  const control = keys.map((k) => k && main.querySelector(`[data-key="${k}"]`)).find(Boolean);
  const target = field || typed || control || main.querySelector("#name");
  if (!target) return;
  target.focus({ preventScroll: target !== field && (target === typed || target === control) });
  if (!("selectionStart" in target)) return;
  const end = target.value.length;
  target.setSelectionRange(...(target === typed ? typing.caret : [end, end]));
  target.scrollLeft = target === typed ? typing.scroll : target.scrollWidth; // the caret is in sight
}

// tell says to a screen reader what a page change would have said.
function tell(main, said) {
  status.className = "hidden";
  status.textContent = "";
  status.textContent = main.querySelector('[role="alert"]') ? "" : said || "";
}

function saidOf(submitter, form) {
  const label = submitter?.getAttribute("aria-label") || submitter?.textContent || "";
  if (form.classList.contains("add")) return "Added";
  if (form.id === "edit") return "Saved";
  return label.replace(/^Complete:/, "Completed:").replace(/^Reopen:/, "Reopened:").replace(/^Delete:/, "Deleted:").replace(/^Clear /, "Cleared ");
}

// A page that changes between a button's going down and up loses the click, and
// the rest of a key's stroke goes to what has the focus by then: Enter on a link
// would send the form that it has opened.
function hold(ends, limit) {
  pressed = new Promise((up) => {
    for (const end of ends) addEventListener(end, () => setTimeout(up), { once: true });
    if (limit) setTimeout(up, limit);
  });
}

document.addEventListener("pointerdown", () => hold(["pointerup", "pointercancel"]));
document.addEventListener("keydown", ({ key }) => { // a keyboard on the screen may not tell of the end
  if (key === "Enter" || key === " ") hold(["keyup", "blur"], 5000);
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  const submitter = event.submitter;
  if (form.method !== "post" || !form.closest("main")) return;
  event.preventDefault();
  const action = submitter?.getAttribute("formaction") || form.getAttribute("action");
  const edited = form.id === "edit" && `save-${action.split("/").pop()}`;
  swap(action, { method: "POST", body: new URLSearchParams(new FormData(form)), said: saidOf(submitter, form) }, edited || submitter?.dataset.key);
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  const item = link.closest("li")?.id.replace("item-", "");
  swap(link.href, {}, "cancel" in link.dataset ? `edit-${item}` : link.dataset.key);
});

// The second click of a double click would hit what has moved into the place.
document.addEventListener("click", (event) => {
  if (event.detail > 1 && event.target.closest("main button")) event.preventDefault();
});

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.id === "text") document.querySelector("[data-cancel]")?.click();
});

// A text that nears its limit says how much is left.
document.addEventListener("input", (event) => {
  const field = event.target;
  if (!field.dataset.max) return;
  const left = field.dataset.max - [...field.value.trim()].length;
  const near = left < 20 ? [`${Math.abs(left)}`, left < 0 ? "too many" : "left"] : [];
  status.className = "hidden";
  status.textContent = near.join(Math.abs(left) === 1 ? " character " : " characters ");
  field.parentElement.dataset.left = near.join(" ");
});
