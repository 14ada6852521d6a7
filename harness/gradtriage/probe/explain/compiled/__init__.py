"""`torch.compile` under explanation: what it was asked for, and whether compiled and eager agree."""
