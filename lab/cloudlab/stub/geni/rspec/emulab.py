"""Importing the real one adds Blockstore and installRootKeys to nodes; here they are there already."""
