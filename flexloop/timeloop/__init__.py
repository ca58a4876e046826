"""Timeloop's file formats: input files, constraints, mappings, reports."""
