"""The relation head's training over frozen word vectors, on every device at hand."""

from collections import Counter

import pytest
import torch

from groundwire_training.predicates import Predicate
from groundwire_training.relation_training import RelationConfig, pair_table, refine_relations
from groundwire_training.relations import RelationHead

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
PREDICATES = [Predicate("on", (), None, 3), Predicate("in", (), None, 2)]
COUNTS = Counter({("man", "on", "horse"): 3, ("fish", "in", "sea"): 2, ("man", "in", "sea"): 1})


@pytest.mark.parametrize("device", DEVICES)
def test_a_refined_head_names_the_pairs_that_it_saw(device):
    torch.manual_seed(0)
    names = {"man": 0, "horse": 1, "fish": 2, "sea": 3}
    tables = {name: pair_table(COUNTS, names, PREDICATES, 1.0) for name in ("factual", "captions")}
    embeddings = torch.randn(4, 8)
    head = RelationHead(8, PREDICATES, hidden=16).to(device)
    before = {name: value.clone() for name, value in head.state_dict().items()}
    refined = refine_relations(head, embeddings, tables, RelationConfig(epochs=100, batch=4, average=0.9))
    subjects, objects = embeddings[[0, 2]].to(device), embeddings[[1, 3]].to(device)
    assert refined(subjects, objects).argmax(1).tolist() == [0, 1]
    assert all(torch.equal(value, before[name]) for name, value in head.state_dict().items())
