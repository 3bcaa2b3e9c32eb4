"""Trains, exports and measures a BERT whose word meanings are grounded in photographs."""
