"""A to-do list for the web."""
import os
import secrets

from flask import Flask, abort, redirect, render_template, request, url_for

from todo import csrf, headers
from todo.store import LONGEST, Store


def create_app(data_dir=None):
    """Makes the service, with its database in a folder."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=os.environ.get("SECRET_KEY") or secrets.token_hex(32),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=16 * 1024,
    )
    folder = data_dir or os.environ.get("DATA_DIR", ".")
    store = Store(os.path.join(folder, "todo.db"))
    csrf.protect(app)
    headers.harden(app)

    @app.get("/")
    def index():
        return render_template("list.html", items=store.items(),
                               longest=LONGEST)

    @app.post("/add")
    def add():
        name = request.form.get("name", "").strip()
        if not name or len(name) > LONGEST:
            abort(400, f"An item has 1 to {LONGEST} characters.")
        store.add(name)
        return redirect(url_for("index"), code=303)

    @app.post("/complete/<int:item>")
    def complete(item):
        if not store.complete(item):
            abort(404)
        return redirect(url_for("index"), code=303)

    @app.get("/health")
    def health():
        store.check()
        return {"status": "ok"}

    return app
