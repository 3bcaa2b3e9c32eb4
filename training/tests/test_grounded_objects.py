"""Described objects, Visual Genome's files, cross-attention and the losses of stage 3."""

import json

import pytest
import torch

from groundwire_training.cross_attention import CrossAttention
from groundwire_training.grounded_objects import IGNORED, collate, merge_graphs, without_relations
from groundwire_training.relational import class_loss, imagination_loss
from groundwire_training.scene_graph import parse_factual
from groundwire_training.visual_genome import load_visual_genome


def test_equal_descriptions_of_a_photos_captions_are_one_object():
    graphs = [
        parse_factual("( dog , is , brown ) , ( dog , on a , rug )"),
        parse_factual("( dog , is , brown ) , ( dog , near , cat ) , ( dog , zap , cat )"),
    ]
    photo = merge_graphs(graphs, {"on": 0, "near": 1}, 32)
    assert photo.descriptions == ("brown dog", "rug", "cat")
    assert photo.relations == ((0, 0, 1), (0, 1, 2))


def test_objects_over_the_limit_take_their_relations_with_them():
    photo = merge_graphs([parse_factual("( dog , on , rug ) , ( cat , on , rug )")], {"on": 0}, 2)
    assert photo.names == ("dog", "rug")
    assert photo.relations == ((0, 0, 1),)


def test_relations_that_a_test_calls_unseen_are_left_out_of_photos():
    photo = merge_graphs(
        [parse_factual("( dog , chase , ball ) , ( dog , near , ball )")], {"chase": 0, "near": 1}, 32
    )
    (left,) = without_relations(
        [photo], ["chase", "near"], {("dog", "chase", "ball"), ("ball", "near", "dog")}
    )
    assert left.relations == ((0, 1, 1),)
    assert left.names == photo.names


def test_a_batch_pads_objects_and_ignores_names_without_a_class():
    photos = [
        merge_graphs([parse_factual("( dog , on , rug )")], {"on": 0}, 32),
        merge_graphs([parse_factual("( rug )")], {"on": 0}, 32),
    ]
    batch = collate(photos, {"rug": 0})
    assert batch.texts == ["dog", "rug"]
    assert batch.objects_bn.tolist() == [[0, 1], [1, 0]]
    assert batch.mask_bn.tolist() == [[True, True], [True, False]]
    assert batch.classes_bn.tolist() == [[IGNORED, 0], [0, IGNORED]]
    assert batch.pairs_m3.tolist() == [[0, 0, 1]]


def loop_attention(module, descriptions, grid):
    """One object and one head at a time."""
    width = descriptions.shape[-1] // module.heads
    rows = []
    for description in descriptions:
        query = module.query(description)
        heads = []
        for h in range(module.heads):
            part = slice(h * width, (h + 1) * width)
            weights = [(query[part] @ module.key(place)[part]) / width**0.5 for place in grid]
            shares = torch.softmax(torch.stack(weights), 0)
            heads.append(sum(s * module.value(p)[part] for s, p in zip(shares, grid, strict=True)))
        rows.append(torch.cat(heads))
    return torch.stack(rows)


def test_cross_attention_equals_its_loop_and_masks_padded_objects():
    torch.manual_seed(1)
    module = CrossAttention(width=8, heads=2, dropout=0.0).eval()
    descriptions, grid = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    mask = torch.tensor([[True, True, True], [True, False, False]])
    found = module(descriptions, grid, mask)
    assert torch.allclose(found[0], loop_attention(module, descriptions[0], grid[0]), atol=1e-5)
    assert torch.allclose(found[1, :1], loop_attention(module, descriptions[1, :1], grid[1]), atol=1e-5)
    assert found[1, 1:].abs().sum() == 0


def test_imagination_follows_photos_and_not_the_other_way_round():
    imagined = torch.zeros(1, 2, 2, requires_grad=True)
    grounded = torch.tensor([[[3.0, 4.0], [99.0, 99.0]]], requires_grad=True)
    loss = imagination_loss(imagined, grounded, torch.tensor([[True, False]]))
    loss.backward()
    assert loss.item() == pytest.approx(1.0)
    assert grounded.grad is None
    assert imagined.grad is not None and imagined.grad[0, 1].abs().sum() == 0


def test_class_loss_is_zero_when_no_object_has_a_class():
    assert class_loss(torch.randn(1, 2, 3), torch.full((1, 2), IGNORED), IGNORED).item() == 0


def write_visual_genome(folder, relations):
    objects = [{"image_id": 7, "objects": [{"object_id": i, "names": [f"Thing{i}"]} for i in range(3)]}]
    attributes = [{"image_id": 7, "attributes": [{"object_id": 1, "names": ["x"], "attributes": ["Red"]}]}]
    rows = [
        {
            "relationship_id": n,
            "predicate": "ON",
            "subject": {"object_id": s},
            "object": {"object_id": o},
        }
        for n, (s, o) in enumerate(relations)
    ]
    for name, content in (
        ("objects", objects),
        ("attributes", attributes),
        ("relationships", [{"image_id": 7, "relationships": rows}]),
    ):
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def test_visual_genome_files_become_one_graph_an_image(tmp_path):
    write_visual_genome(tmp_path, [(0, 1)] * 200 + [(0, 9)])
    graphs, logs = load_visual_genome(tmp_path)
    assert graphs["7"].objects == ("thing0", "thing1", "thing2")
    assert graphs["7"].attributes == ((1, "red"),)
    assert graphs["7"].relations == ((0, "on", 1),)
    assert [len(log.bad) for log in logs] == [0, 0, 1]
    assert logs[2].bad[0][0] == "image 7, relationship 200"


def test_relations_that_name_missing_objects_are_an_error_from_one_percent_on(tmp_path):
    write_visual_genome(tmp_path, [(0, 1)] * 9 + [(0, 9)])
    with pytest.raises(ValueError, match=r"relationships\.json: 1 of 10 records are bad"):
        load_visual_genome(tmp_path)
