"""Tests. What several of them share lies in tests/support."""
