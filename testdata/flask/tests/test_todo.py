import pytest

from todo import create_app


def test_add(visitor):
    assert "Nothing. Well done." in visitor.page()
    answer = visitor.post("/add", name=" milk ")
    assert answer.status_code == 303 and answer.location == "/"
    assert "milk" in visitor.page()


def test_complete(visitor):
    visitor.post("/add", name="milk")
    assert visitor.post("/complete/1").status_code == 303
    assert "<s>milk</s>" in visitor.page()
    assert visitor.post("/complete/2").status_code == 404


@pytest.mark.parametrize("name", ["", "  ", "x" * 201])
def test_refuse_names(visitor, name):
    assert visitor.post("/add", name=name).status_code == 400


def test_longest_name(visitor):
    assert visitor.post("/add", name="x" * 200).status_code == 303


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "'); DROP --"])
def test_hostile_names(visitor, name):
    visitor.post("/add", name=name)
    page = visitor.page()
    assert "<script>" not in page and "Nothing" not in page


def test_items_are_kept(app, visitor, tmp_path):
    visitor.post("/add", name="milk")
    again = create_app(str(tmp_path)).test_client()
    assert "milk" in again.get("/").get_data(as_text=True)


def test_health(visitor):
    answer = visitor.client.get("/health")
    assert answer.status_code == 200 and answer.json == {"status": "ok"}


def test_data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    create_app()
    assert (tmp_path / "todo.db").exists()
