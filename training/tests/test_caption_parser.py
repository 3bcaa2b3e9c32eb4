"""Alignment, tags, decoding, tuple F1 and a small parser that learns a small world."""

import itertools

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import BertProcessing
from transformers import BertConfig, BertModel

from groundwire_training.caption_align import align, split_words
from groundwire_training.caption_parser import decode_tags, load_parser, parse_captions, save_parser
from groundwire_training.parser_training import ParserConfig, train_parser, tuple_score
from groundwire_training.scene_graph import CaptionGraph, parse_factual


def example(caption, graph):
    return CaptionGraph("1", caption, parse_factual(graph))


def test_words_are_split_as_people_write_them():
    assert split_words("A man's t-shirt, isn't it?") == ["a", "man", "'s", "t-shirt", ",", "isn't", "it", "?"]


def test_names_are_aligned_with_the_words_they_respell():
    item = align(example("two dogs near a hydrat .", "( dogs , is , 2 ) , ( dogs , near , hydrant )"))
    assert item.names == {(1, 2): "dogs", (0, 1): "2", (4, 5): "hydrant"}
    assert set(item.links) == {((1, 2), "is", (0, 1)), ((1, 2), "near", (4, 5))}


def test_a_longer_name_takes_its_words_first():
    item = align(example("train on the train track", "( train , on , train track )"))
    assert item.objects == ((0, 1), (3, 5))


def test_an_unspoken_plural_is_kept_as_such():
    assert align(example("feet of person", "( person , have , feet ) , ( feet , is , 2 )")).plural == {(0, 1)}


def test_tags_become_spans():
    assert decode_tags([3, 1, 2, 0, 1, 1, 4]) == ([(1, 3), (4, 5), (5, 6)], [(0, 1), (6, 7)])


def test_tuple_f1_is_the_hand_computed_one():
    gold = [parse_factual("( a , is , b ) , ( a , on , c )"), parse_factual("( d )")]
    guess = [parse_factual("( a , is , b ) , ( c , on , a )"), parse_factual("( d , on , e )")]
    score = tuple_score(guess, gold)
    assert (score.precision, score.recall) == (1 / 3, 1 / 2)
    assert score.f1 == pytest.approx(2 * 1 / (3 + 2))


def small_world():
    nouns, colors, relations = ["dog", "cat", "ball", "rug"], ["red", "blue"], ["on", "under"]
    graphs = []
    for s, o, color, relation in itertools.product(nouns, nouns, colors, relations):
        if s != o:
            graphs.append(
                example(
                    f"a {color} {s} {relation} the {o}",
                    f"( {s} , is , {color} ) , ( {s} , {relation} , {o} )",
                )
            )
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "the", *nouns, *colors, *relations]
    tokenizer = Tokenizer(WordPiece({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = BertPreTokenizer()
    tokenizer.post_processor = BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return graphs, tokenizer, len(words)


def test_a_small_parser_learns_a_small_world_and_survives_saving(tmp_path):
    graphs, tokenizer, vocabulary = small_world()
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
    )
    bert = BertModel(config, add_pooling_layer=False)
    held_out = graphs[::9]
    learned = [item for i, item in enumerate(graphs) if i % 9]
    settings = ParserConfig(epochs=8, batch=8, bert_rate=2e-3, head_rate=3e-3)
    parser = train_parser(bert, tokenizer, learned, settings)
    captions = [item.caption for item in held_out]
    parsed = parse_captions(parser, tokenizer, captions)
    assert tuple_score(parsed, [item.graph for item in held_out]).f1 > 0.8
    save_parser(parser, tokenizer, tmp_path)
    again, same_tokenizer = load_parser(tmp_path)
    assert parse_captions(again, same_tokenizer, captions) == parsed


def test_an_empty_caption_is_refused_by_its_place():
    with pytest.raises(ValueError, match=r"captions\[1\]: must hold a visible character, got ' '"):
        parse_captions(None, None, ["a dog", " "])
