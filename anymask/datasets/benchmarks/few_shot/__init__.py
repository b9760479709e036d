"""The public sets of few-shot segmentation: a class is shown by examples, and sought elsewhere."""
