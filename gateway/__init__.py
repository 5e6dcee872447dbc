"""Amtsbote: carries an application from the portal to the specialist application and the decision back."""
