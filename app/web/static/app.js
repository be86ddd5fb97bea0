// Pages work without this. With it a change swaps what is on the page, so that
// focus and scrolling stay where they were.

const status = document.getElementById("status");
const underway = new Set();
let last = Promise.resolve();

// swap shows the page that an address answers with, once those asked for
// before are shown. What is asked for twice at once is done once.
function swap(address, options, key) {
  const name = `${address} ${options.body ?? ""}`;
  if (underway.has(name)) return;
  underway.add(name);
  last = last.then(() => show(address, options, key)).catch(() => location.reload()).finally(() => underway.delete(name));
}

async function show(address, options, key) {
  if (document.querySelector("h1.refusal")) return; // what came before was refused
  let answer, text;
  try {
    answer = await fetch(address, options);
    text = await answer.text();
  } catch {
    notice("The list cannot be reached. Please try again.");
    return;
  }
  const page = new DOMParser().parseFromString(text, "text/html");
  const fresh = page.querySelector("main");
  if (!fresh) throw new Error("no page");
  const neighbours = keysAround(key);
  keepTyped(fresh, address === "/add" ? options.body.get("name") : "");
  document.querySelector("main").replaceWith(document.adoptNode(fresh));
  document.title = page.title;
  if (answer.redirected || !options.method) history.replaceState(null, "", new URL(answer.url).pathname + new URL(answer.url).search);
  focusAgain(fresh, neighbours);
  tell(fresh, options.said);
}

// keepTyped carries over what was typed and not sent.
function keepTyped(fresh, sent) {
  const typed = document.getElementById("name")?.value ?? "";
  const field = fresh.querySelector("#name");
  if (field && typed !== sent) field.value = typed;
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

function focusAgain(main, keys) {
  const field = main.querySelector('[aria-invalid="true"]') || main.querySelector("#text");
  const control = keys.map((k) => k && main.querySelector(`[data-key="${k}"]`)).find(Boolean);
  const target = field || control || main.querySelector("#name");
  if (!target) return;
  target.focus({ preventScroll: control === target });
  if (target.id !== "text") return;
  target.setSelectionRange(target.value.length, target.value.length);
  target.scrollLeft = target.scrollWidth; // to the caret
}

// tell says to a screen reader what a page change would have said.
function tell(main, said) {
  const heading = main.querySelector("h1.refusal");
  status.className = "hidden";
  status.textContent = "";
  status.textContent = heading ? heading.textContent : main.querySelector('[role="alert"]') ? "" : said || "";
}

function saidOf(submitter, form) {
  const label = submitter?.getAttribute("aria-label") || submitter?.textContent || "";
  if (form.classList.contains("add")) return "Added";
  if (form.id === "edit") return "Saved";
  return label.replace(/^Complete:/, "Completed:").replace(/^Reopen:/, "Reopened:").replace(/^Delete:/, "Deleted:").replace(/^Clear /, "Cleared ");
}

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
