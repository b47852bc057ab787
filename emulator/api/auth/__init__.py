"""Decides who calls and whether they may, by signatures, policies, users and roles."""
