"""The exported language stream: padding is never computed, and nobody can tell."""

import torch
from tiny_data import tiny_bert

from groundwire_training.language_onnx import language_graph
from groundwire_training.pooling import pool


def test_unpadded_rows_give_what_bert_gives():
    bert = tiny_bert()
    graph = language_graph(bert, "mean-words", 16)
    ids = torch.randint(bert.config.vocab_size, (4, 9))
    mask = torch.ones_like(ids)
    mask[0, 3:] = mask[1, 8:] = 0
    mask[2, :2] = 0  # padded on the left
    with torch.no_grad():
        embedding, tokens = graph.module(ids, mask)
        expected = bert(input_ids=ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(tokens[mask > 0], expected[mask > 0], atol=1e-5, rtol=0)
    torch.testing.assert_close(embedding, pool(expected, mask, "mean-words"), atol=1e-5, rtol=0)
    assert (tokens[mask == 0] == 0).all()


def test_what_stands_at_the_padding_changes_nothing():
    graph = language_graph(tiny_bert(), "mean", 16)
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    ids = torch.tensor([[1, 5, 2, 0, 0], [1, 6, 7, 8, 2]])
    other = torch.where(mask > 0, ids, 9)
    with torch.no_grad():
        torch.testing.assert_close(graph.module(ids, mask), graph.module(other, mask), atol=0, rtol=0)
