"""Telling people: the one layer beside the providers that speaks to others."""
