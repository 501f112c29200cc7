"""The window: Qt only; decides nothing about models or data."""
