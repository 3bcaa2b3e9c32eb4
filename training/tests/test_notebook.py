"""The notebook runs from top to bottom on a small bundle and shows its table and plots."""

from __future__ import annotations

from pathlib import Path

import nbformat
from evaluation_fixtures import write_base, write_bundle, write_norms
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "bundle_report.ipynb"
MEASURES = "concreteness,silhouette,norms,composition,simlex,onnx"


def test_the_notebook_reproduces_tables_and_plots_from_a_bundle(tmp_path, monkeypatch):
    monkeypatch.setenv("GROUNDWIRE_MODEL", str(write_bundle(tmp_path / "bundle")))
    monkeypatch.setenv("GROUNDWIRE_DATA", str(write_norms(tmp_path / "data")))
    monkeypatch.setenv("GROUNDWIRE_BASE", str(write_base(tmp_path / "base")))
    monkeypatch.setenv("GROUNDWIRE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("GROUNDWIRE_MEASURES", MEASURES)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "outputs belong to whoever runs it"
    NotebookClient(notebook, timeout=1500, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    tables = [output.data["text/markdown"] for output in shown if "text/markdown" in output.get("data", {})]
    assert any("| concreteness, word |" in table and "| base | shipped |" in table for table in tables)
    plots = [output for output in shown if "image/png" in output.get("data", {})]
    assert len(plots) >= 3
    printed = "".join(output.text for output in shown if output.get("name") == "stdout")
    assert "no recomputed figure differs from the manifest" in printed
