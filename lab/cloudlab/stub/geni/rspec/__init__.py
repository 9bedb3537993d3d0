"""Requests for resources."""
