"""Shoppers; only its name matters here."""
