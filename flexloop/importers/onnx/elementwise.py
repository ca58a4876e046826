"""Operators outside the ONNX standard that take no multiply-accumulates, or none but those of single elements."""

from __future__ import annotations

MICROSOFT = "com.microsoft"
"""The domain of ONNX Runtime's own operators."""

STANDARD_LOOKING = ("SimplifiedLayerNormalization", "SkipSimplifiedLayerNormalization")
"""Operators that ONNX Runtime writes as if they were of the standard."""

SHAPED_AS_INPUT = (
    "BiasAdd",
    "BiasDropout",
    "BiasGelu",
    "BiasSoftmax",
    "DequantizeLinear",
    "FastGelu",
    "Gelu",
    "GemmaRotaryEmbedding",
    "GroupNorm",
    "NhwcMaxPool",
    "QLinearLeakyRelu",
    "QLinearSigmoid",
    "QLinearSoftmax",
    "QuantizeLinear",
    "QuickGelu",
    "RotaryEmbedding",
    "SimplifiedLayerNormalization",
    "SkipGroupNorm",
    "SkipLayerNormalization",
    "SkipSimplifiedLayerNormalization",
    "Trilu",
)
"""ONNX Runtime's operators whose first output has the shape of their first input."""

_OTHERS = (
    "BiasSplitGelu",
    "BitmaskDropout",
    "CropAndResize",
    "EmbedLayerNormalization",
    "ExpandDims",
    "GatherBlockQuantized",
    "GatherND",
    "GridSample",
    "MaxpoolWithMask",
    "MulInteger",
    "Pad",
    "QLinearAdd",
    "QLinearAveragePool",
    "QLinearConcat",
    "QLinearGlobalAveragePool",
    "QLinearMul",
    "QLinearReduceMean",
    "QLinearWhere",
    "Range",
    "ReduceSumInteger",
    "RemovePadding",
    "RestorePadding",
    "Unique",
)

_LEARNING = (
    "ArrayFeatureExtractor",
    "Binarizer",
    "CastMap",
    "CategoryMapper",
    "DictVectorizer",
    "FeatureVectorizer",
    "Imputer",
    "LabelEncoder",
    "Normalizer",
    "OneHotEncoder",
    "Scaler",
    "TreeEnsemble",
    "TreeEnsembleClassifier",
    "TreeEnsembleRegressor",
    "ZipMap",
)

WITHOUT_MACS = frozenset(
    {f"{MICROSOFT}.{name}" for name in SHAPED_AS_INPUT + _OTHERS}
    | {f"ai.onnx.ml.{name}" for name in _LEARNING}
    | set(STANDARD_LOOKING)
)
"""All of them."""
