"""Rules that judge a plan. Pure: a rule sees actions, never a vendor or a clock."""
