"""Servers, a home and a daemon process for tests."""
