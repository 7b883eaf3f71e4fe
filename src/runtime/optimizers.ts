/** Which of ONNX Runtime's graph optimisers are left out. */

/**
 * A program comes with ONNX Runtime's fused operators in it, and without equal nodes or constants twice: most optimisers find nothing.
 * Looking takes time all the same, more than in proportion to the nodes, nearly half of that in which a session is made. Those that are
 * left fold constants, drop what does nothing, and join slices and operators of rounded weights. That these change no program is a
 * test (`test/runtime/optimizers.test.ts`).
 */
const FIND_NOTHING = [
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

/** On the CPU, the operator that adds and normalises takes five times as long as the two that it is made of. */
const SLOWER = "SkipLayerNormFusion";

/** What is left out on the CPU, as an entry of a session's settings. */
export const WITHOUT_OPTIMIZERS = {
  optimization: { disable_specified_optimizers: [SLOWER, ...FIND_NOTHING].join(";") },
};
