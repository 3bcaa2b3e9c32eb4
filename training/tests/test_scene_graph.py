"""Scene graphs, FACTUAL's format, triples and the tolerance for bad records."""

from collections import Counter

import pytest

from groundwire_training.scene_graph import SceneGraph, load_factual, parse_factual
from groundwire_training.triples import load_triples_tsv, without


def test_a_factual_graph_keeps_objects_attributes_and_relations_apart():
    graph = parse_factual("( dog , is , brown ) , ( dog , chase , ball ) , ( grass )")
    assert graph.objects == ("dog", "ball", "grass")
    assert graph.tuples() == {("dog", "is", "brown"), ("dog", "chase", "ball")}
    assert graph.descriptions() == ["brown dog", "ball", "grass"]
    assert SceneGraph.from_json(graph.to_json()) == graph


def test_a_graph_that_names_a_missing_object_is_refused():
    with pytest.raises(ValueError, match="names object 2, has 1 objects"):
        SceneGraph(("dog",), (), ((0, "on", 2),))


def write_factual(path, graphs):
    rows = [f'1,{i},a dog,"{graph}"' for i, graph in enumerate(graphs)]
    path.write_text("image_id,region_id,caption,scene_graph\n" + "\n".join(rows), encoding="utf-8")


def test_bad_graphs_below_one_percent_are_skipped_and_listed(tmp_path):
    write_factual(tmp_path / "x.csv", ["( dog , on , grass )"] * 200 + ["( dog , on )"])
    graphs, log = load_factual(tmp_path / "x.csv")
    assert len(graphs) == 200
    assert log.report()["bad"] == [
        {"record": "200", "rule": "scene_graph: a tuple has 1 or 3 names, got '( dog , on )'"}
    ]


def test_bad_graphs_from_one_percent_on_are_an_error_that_names_file_and_record(tmp_path):
    write_factual(tmp_path / "x.csv", ["( dog , on , grass )"] * 99 + ["( dog , on )"])
    with pytest.raises(ValueError, match=r"x\.csv: 1 of 100 records are bad.*record 99"):
        load_factual(tmp_path / "x.csv")


def test_a_row_that_ends_too_soon_and_a_header_without_a_column_are_errors_that_name_them(tmp_path):
    write_factual(tmp_path / "x.csv", ["( dog , on , grass )"])
    with (tmp_path / "x.csv").open("a") as file:
        file.write("\n2,7")
    with pytest.raises(ValueError, match=r"x\.csv: 1 of 2 records are bad.*record 7: must have a field for"):
        load_factual(tmp_path / "x.csv")
    (tmp_path / "y.csv").write_text("image_id,caption\n1,a dog\n")
    with pytest.raises(ValueError, match=r"y\.csv: the header must have .*scene_graph"):
        load_factual(tmp_path / "y.csv")


def test_a_triple_file_with_another_header_is_refused(tmp_path):
    (tmp_path / "x.tsv").write_text("s\tp\to\n", encoding="utf-8")
    with pytest.raises(ValueError, match="the header must be"):
        load_triples_tsv(tmp_path / "x.tsv")


def test_a_held_out_triple_leaves_in_every_spelling_of_its_predicate():
    counts = Counter({("dog", "on a", "rug"): 3, ("dog", "be on", "rug"): 1, ("dog", "under", "rug"): 2})
    assert without(counts, [("dog", "on", "rug")]) == {("dog", "under", "rug"): 2}
