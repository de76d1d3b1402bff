"""Answers that no model gives, one file each: health, metrics, model_info, OpenAPI, docs, protocol metadata."""
