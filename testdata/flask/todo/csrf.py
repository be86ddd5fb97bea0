"""Refuses forms that are not this site's own."""
import hmac
import secrets

from flask import abort, request, session


def protect(app):
    """Has every POST carry its session's token, which pages put into forms."""

    @app.before_request
    def check():
        if request.method != "POST":
            return
        sent = request.form.get("csrf_token", "")
        want = session.get("csrf_token", "")
        if not want or not hmac.compare_digest(sent.encode(), want.encode()):
            abort(400, "The form is too old, or not this site's.")

    @app.context_processor
    def offer():
        return {"csrf_token": token}


def token():
    """The session's token; it is made when it is first asked for."""
    if "csrf_token" not in session:
        session["csrf_token"] = secrets.token_urlsafe(32)
    return session["csrf_token"]
