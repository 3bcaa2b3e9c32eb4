"""The gateway's answers as scores: a small HTTP server stands where the gateway will."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from groundwire_training import factual_graphql
from groundwire_training.factual_graphql import GatewayScorer, agree

NAMES = ("on", "ride")


class Gateway(BaseHTTPRequestHandler):
    """Scores a pair by the lengths of its names; best predicate first, as the gateway does."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = json.dumps(self.answer(asked)).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)

    def answer(self, asked):
        if "ObjectPairInput" not in asked["query"]:
            predicates = [{"name": name, "aliases": [], "inverse": None, "count": 1} for name in NAMES]
            return {"data": {"predicates": predicates}}
        pairs = asked["variables"]["pairs"]
        if any(pair["subject"] == "" for pair in pairs):
            return {"data": None, "errors": [{"message": "pairs[0].subject must not be empty"}]}
        return {"data": {"inferPairRelations": [self.relate(**pair) for pair in pairs]}}

    def relate(self, subject, object):
        scores = {"ride": len(object), "on": len(subject)}
        best_first = sorted(scores, key=scores.get, reverse=True)
        return {"relations": [{"predicate": {"name": name}, "score": scores[name]} for name in best_first]}

    def log_message(self, *_):
        pass


@pytest.fixture
def url():
    server = HTTPServer(("127.0.0.1", 0), Gateway)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/graphql"
    server.shutdown()
    server.server_close()


def test_scores_stand_in_the_predicates_order_whatever_order_they_are_ranked_in(url, monkeypatch):
    monkeypatch.setattr(factual_graphql, "PAIRS", 2)
    scores = GatewayScorer(url)([("man", "horse"), ("zebra", "cup"), ("a", "bb")])
    assert np.array_equal(scores, [[3, 5], [5, 3], [1, 2]])


def test_an_error_of_the_gateway_is_told(url):
    with pytest.raises(ValueError, match="subject must not be empty"):
        GatewayScorer(url)([("", "horse")])


def test_a_gateway_that_is_not_there_is_told():
    with pytest.raises(ValueError, match="no gateway answers at"):
        GatewayScorer("http://127.0.0.1:9/graphql")


def test_a_difference_in_the_third_decimal_is_no_agreement():
    def figures(top1):
        return {"factual": {"top1": top1}}

    assert agree({"gateway": figures(0.4451), "evaluate": figures(0.4449)})
    assert not agree({"gateway": figures(0.445), "evaluate": figures(0.446)})
    assert agree({"gateway": figures(0.445)})
