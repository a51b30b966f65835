"""Connects the rooms: networks, losses, methods, masks, transfer and callbacks become a training and its session."""
