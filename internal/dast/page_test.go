package dast

import (
	"context"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testChecker(t testing.TB) *checker {
	t.Helper()
	return newChecker(context.Background(), &url.URL{Scheme: "http", Host: "service.test", Path: "/"}, Options{}.withDefaults())
}

// What a browser would send with a form (HTML, section 4.10.21.4), filled in.
func TestValues(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ html, want string }{
		"text":               {`<input name=name>`, "name=sluice+dast+check"},
		"prefilled":          {`<input name=a value=b>`, "a=b"},
		"limits":             {`<input name=a maxlength=6><input name=b minlength=20>`, "a=sluice&b=sluice+dast+check..."},
		"silly limits":       {`<input name=a maxlength=-1 minlength=x>`, "a=sluice+dast+check"},
		"types":              {`<input type=email name=a><input type=NUMBER name=b min=3><input type=date name=c><input type=url name=d>`, "a=dast%40example.com&b=3&c=2030-01-31&d=https%3A%2F%2Fexample.com%2F"},
		"hidden":             {`<input type=hidden name=a><input type=hidden name=b value=c>`, "a=&b=c"},
		"textarea":           {`<textarea name=a>old</textarea>`, "a=sluice+dast+check"},
		"select":             {`<select name=a><option value="">choose<option disabled value=x>x<option value=y>y</select><input name=b value=b>`, "a=y&b=b"},
		"select selected":    {`<select name=a><option>one<option selected>two words</option></select>`, "a=two+words"},
		"empty select":       {`<select name=a></select>`, "a="},
		"checkboxes":         {`<input type=checkbox name=a><input type=checkbox name=b checked><input type=checkbox name=c required value=d>`, "b=on&c=d"},
		"radios":             {`<input type=radio name=a value=1><input type=radio name=a value=2 checked><input type=radio name=b value=3><input type=radio name=b value=4>`, "a=2&b=3"},
		"buttons":            {`<button name=a value=1>x</button><input type=submit name=b value=2><button type=button name=c value=3></button><input type=image name=d><input type=reset name=e>`, "a=1"},
		"files are left out": {`<input type=file name=a><input name=b value=c>`, "b=c"},
		"disabled, nameless": {`<input disabled name=a value=b><input value=c>`, ""},
		"of another place":   {`</form><input form=f name=a value=b><input form=g name=c><input name=d>`, "a=b"},
		"not of a template":  {`<template><input name=a></template>`, ""},
		"twice":              {`<input name=a value=1><input name=a value=2>`, "a=1&a=2"},
		"first attribute":    {`<input name=a name=b value=c value=d>`, "a=c"},
		"nested form":        {`<form action=/inner><input name=a value=b></form>`, "a=b"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := parsePage(parse(t, "http://service.test/"), []byte(`<form id=f method=post action=/outer>`+test.html))
			if len(p.forms) != 1 || p.forms[0].action != "/outer" {
				t.Fatalf("forms %+v", p.forms)
			}
			if diff := cmp.Diff(test.want, p.forms[0].values().Encode()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMultipart(t *testing.T) {
	t.Parallel()
	p := parsePage(parse(t, "http://service.test/"), []byte(`<form method=post enctype=multipart/form-data><input name=a value=b>`))
	body, content := p.forms[0].encode(p.forms[0].values())
	req, err := newRequest(t, body, content)
	if err != nil || req.FormValue("a") != "b" {
		t.Errorf("got %q, %v", req.FormValue("a"), err)
	}
}

func TestButtonsMakeVariants(t *testing.T) {
	t.Parallel()
	p := parsePage(parse(t, "http://service.test/"), []byte(`<form action=/a><button name=x value=1>1</button><button name=x value=2 formaction=/b formmethod=post>2</button></form>`))
	var got []string
	for _, f := range p.forms {
		got = append(got, f.method+" "+f.action+" "+f.values().Encode())
	}
	if diff := cmp.Diff([]string{" /a x=1", "POST /b x=2"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	c := testChecker(t)
	tests := map[string]struct {
		action, want string
		same         bool
	}{
		"empty":            {"", "http://service.test/dir/page?q=1", true},
		"relative":         {"x", "http://service.test/base/x", true},
		"absolute":         {"/x?y=z#part", "http://service.test/x?y=z", true},
		"same with port":   {"http://SERVICE.test:80/x", "http://SERVICE.test:80/x", true},
		"other port":       {"http://service.test:81/x", "http://service.test:81/x", false},
		"other scheme":     {"https://service.test/x", "https://service.test/x", false},
		"other host":       {"//service.test.evil.test/x", "http://service.test.evil.test/x", false},
		"user":             {"http://service.test@evil.test/", "http://service.test@evil.test/", false},
		"user of the host": {"http://u@service.test/", "http://u@service.test/", false},
		"script":           {"javascript:alert(1)", "javascript:alert(1)", false},
		"no address":       {"http://[::1", "invalid://http://%5B::1", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := parsePage(parse(t, "http://service.test/dir/page?q=1"), []byte(`<base href="/base/"><form action="`+test.action+`">`))
			u := c.action(p, p.forms[0])
			if c.same(u) != test.same || test.same && u.String() != test.want {
				t.Errorf("got %s, same %v", u, c.same(u))
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/": "GET /", "/complete/17": "GET /complete/{id}", "/v1/users": "GET /v1/users", "/x?token=secret": "GET /x",
		"/o/3f2504e0-4f89-41d3-9a0c-0305e82c3301/edit": "GET /o/{id}/edit", "/a%0Ab": "GET /a%0Ab", "/complete": "GET /complete",
	} {
		if got := place("GET", parse(t, "http://service.test"+path)); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

func FuzzPage(f *testing.F) {
	for _, seed := range []string{
		"", "<p>x", `<form method=post><input name=a><select name=b><option>x<a href=/y>z</select></form>`, `<base href="http://[::1"><a href="?">`, `<input form=x name=y><form id=x>`,
		`<form><button formaction=/a formmethod=post>`, "<template><form></template></form>", "<a href=/x><a href=/y>", "<option><select><option>", "\x00<form\x00action=\xff>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c := testChecker(t)
		p := parsePage(c.base, text)
		if len(p.forms) > maxForms || len(p.links) > maxLinks {
			t.Errorf("%d forms, %d links", len(p.forms), len(p.links))
		}
		for _, form := range p.forms {
			if len(form.fields) > maxFields {
				t.Errorf("%d fields", len(form.fields))
			}
			form.encode(with(form.values(), tokenField(form, form), "x"))
			if u := c.action(p, form); c.same(u) && u.Host == "" {
				t.Errorf("%s is of the origin", u)
			}
			c.shape(p, form)
		}
		for _, l := range p.links {
			c.follow(p, l, false)
		}
	})
}
