"""Kills an emulator again and again while events come, and counts which of them ran."""
