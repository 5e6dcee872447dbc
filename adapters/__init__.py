"""Adapters to specialist applications and document management, and the kit they are made with."""
