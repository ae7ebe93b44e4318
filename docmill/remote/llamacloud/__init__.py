"""The engine `llamacloud`: all products by LlamaCloud, or by another Docmill with its API."""
