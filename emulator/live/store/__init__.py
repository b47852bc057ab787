"""The state directory: what an emulator keeps on disk."""
