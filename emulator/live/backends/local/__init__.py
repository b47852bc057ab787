"""What every sandbox of this machine's own processes needs: slots, output, filter, guard."""
