"""The pure heart: rules without asyncio, clocks, chance or input and output."""
