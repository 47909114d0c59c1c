"""Writes production-grade backend services from templates, and proves that they work."""
