"""Who calls, and whether they may: signatures, policies, and the users and roles they speak of."""
