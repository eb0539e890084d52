"""Programs that show Assent at work: an agent, and the shop whose operations it asks for."""
