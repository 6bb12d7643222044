"""The roles of a campaign: researcher, coder, runner and critic; `evolver.agents.team` puts a team together."""
