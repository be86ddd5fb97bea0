import pytest


@pytest.mark.parametrize("path", ["/add", "/complete/1"])
@pytest.mark.parametrize("token", ["", "wrong", "\u00e9"])
def test_forms_of_others(visitor, path, token):
    visitor.page()
    answer = visitor.post(path, name="milk", csrf_token=token)
    assert answer.status_code == 400
    assert "milk" not in visitor.page()


def test_forms_without_a_session(app):
    answer = app.test_client().post("/add", data={"name": "milk"})
    assert answer.status_code == 400


def test_tokens_of_others(app, visitor):
    theirs = app.test_client()
    theirs.get("/")
    answer = theirs.post("/add", data={"name": "milk",
                                       "csrf_token": visitor.token()})
    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["/", "/health", "/nowhere"])
def test_headers(visitor, path):
    sent = visitor.client.get(path).headers
    assert "default-src 'none'" in sent["Content-Security-Policy"]
    assert sent["X-Content-Type-Options"] == "nosniff"
    assert sent["Cache-Control"] == "no-store"


def test_session_cookie(visitor):
    cookie = visitor.client.get("/").headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie


def test_large_requests(visitor):
    assert visitor.post("/add", name="x" * 20_000).status_code == 413
