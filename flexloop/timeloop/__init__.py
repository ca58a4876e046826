"""Timeloop's file formats: constraints, mappings, templates and reports."""
