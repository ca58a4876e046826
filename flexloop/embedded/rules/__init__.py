"""Timeloop's counting rules for dense workloads with perfect factors, compiled; closed form but for link transfers."""
