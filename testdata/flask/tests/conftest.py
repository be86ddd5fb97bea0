import re

import pytest

from todo import create_app


class Visitor:
    """A browser that sends forms as the page has them."""

    def __init__(self, client):
        self.client = client

    def page(self):
        return self.client.get("/").get_data(as_text=True)

    def token(self):
        return re.search(r'name="csrf_token" value="([^"]+)"', self.page())[1]

    def post(self, path, **form):
        form.setdefault("csrf_token", self.token())
        return self.client.post(path, data=form)


@pytest.fixture
def app(tmp_path):
    return create_app(str(tmp_path))


@pytest.fixture
def visitor(app):
    return Visitor(app.test_client())
