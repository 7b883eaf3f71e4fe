/** Which of ONNX Runtime's graph optimisers find nothing. */

/**
 * A program comes with ONNX Runtime's fused operators in it, and without equal nodes or constants twice: most optimisers find nothing.
 * Looking takes time all the same, more than in proportion to the nodes, nearly half of that in which a session is made. Those that are
 * left fold constants, drop what does nothing, and join slices and operators of rounded weights. That leaving the listed ones out changes no program is a
 * test (`test/runtime/optimizers.test.ts`).
 */
export const NEEDLESS_OPTIMIZERS: readonly string[] = [
  "AttentionFusion",
  "BiasDropoutFusion",
  "BiasGeluFusion",
  "BiasSoftmaxFusion",
  "BitmaskDropoutFusion",
  "CommonSubexpressionElimination",
  "ConstantSharing",
  "ConvActivationFusion",
  "ConvAddActivationFusion",
  "DoubleQDQPairsRemover",
  "EmbedLayerNormFusion",
  "EnsureUniqueDQForNodeUnit",
  "FastGeluFusion",
  "FreeDimensionOverrideTransformer",
  "GeluFusionL1",
  "GeluFusionL2",
  "GemmActivationFusion",
  "LayerNormFusionL1",
  "LayerNormFusionL2",
  "MatMulAddFusion",
  "NchwcTransformer",
  "NhwcTransformer",
  "PadFusion",
  "PropagateCastOps",
  "QDQFinalCleanupTransformer",
  "QDQPropagationTransformer",
  "QDQS8ToU8Transformer",
  "QDQSelectorActionTransformer",
  "QuickGeluFusion",
  "ReshapeFusion",
  "ShapeInputMerge",
  "SimplifiedLayerNormFusion",
  "WeightBiasQuantization",
  "WhereDummyDq",
];
