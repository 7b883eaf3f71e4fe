/** The keys that configurations of published models may have beside those that say what the model computes. */

/** Names that other writers, Hugging Face's above all, have for a key. */
export const synonyms: ReadonlyMap<string, string> = new Map([
  ["num_hidden_layers", "num_layers"],
  ["n_layer", "num_layers"],
  ["n_layers", "num_layers"],
  ["n_embd", "hidden_size"],
  ["d_model", "hidden_size"],
  ["n_head", "num_attention_heads"],
  ["n_heads", "num_attention_heads"],
  ["num_key_value_heads", "num_kv_heads"],
  ["n_positions", "max_position_embeddings"],
  ["n_ctx", "max_position_embeddings"],
  ["layer_norm_eps", "layernorm_epsilon"],
  ["layer_norm_epsilon", "layernorm_epsilon"],
  ["norm_eps", "layernorm_epsilon"],
  ["position_embedding_type", "pos_emb"],
  ["partial_rotary_factor", "rotary_pct"],
  ["rotary_embedding_base", "rotary_emb_base"],
  ["rope_theta", "rotary_emb_base"],
  ["use_parallel_residual", "gpt_j_residual"],
  ["sliding_window", "sliding_window_width"],
  ["vocab_size", "padded_vocab_size"],
  ["moe_num_experts", "num_experts"],
  ["num_local_experts", "num_experts"],
]);

/** Objects whose keys belong to the whole: newer ones of Hugging Face hold what concerns the rotation there. */
export const nested: readonly string[] = ["rope_parameters", "rope_scaling"];

const words = (text: string): string[] => text.trim().split(/\s+/);

/**
 * Whether a key changes nothing in what a trained model computes: how GPT-NeoX and DeepSpeed train, store and log; what the
 * published model has no use for, as only other kinds of layers have it; dropout; and notes of Hugging Face's library.
 */
export function isWithoutEffect(key: string): boolean {
  return withoutEffect.has(key) || families.test(key);
}

const families =
  /^(_(name_or_path|commit_hash|attn_implementation|flash_attn_2_enabled)|wandb_|use_wandb|tensorboard_|log_(interval|dir|grad|param_norm|optimizer_states)|profile|memory_profiling|zero_|mup_|mamba_|moe_|rpe_|mpi_|curriculum_|autotuning|checkpoint_|deepspeed|deepscale|load_(from_fp32_weights|universal|workers)|no_load_|no_save_|s3_|output_(attentions|hidden_states)|summary_|(train|label|test|valid)_data_)/;

const withoutEffect: ReadonlySet<string> = new Set([
  // Parallelism.
  ...words("pipe_parallel_size model_parallel_size pipe_partition_method world_size is_pipe_parallel expert_interval"),
  ...words("output_layer_parallelism distributed_backend local_rank rank lazy_mpu_init global_num_gpus"),
  // Initial values.
  ...words("init_method output_layer_init_method init_method_std initializer_range use_cpu_initialization"),
  ...words("pretrain_partial_init scale_pretrain load frozen_old old_lr_decay old_lr_decay_scale word_embed_fuse"),
  ...words("qkv_slot_num_new proj_slot_num_new ffn_slot_num_new tokenformer_use"),
  // Number formats and fused kernels.
  ...words("precision fp16 bf16 bfloat16 amp fp32_allreduce fp16_lm_cross_entropy data_types communication_data_type"),
  ...words("torch_dtype dtype use_bfloat16 attention_softmax_in_fp32 apply_query_key_layer_scaling onnx_safe"),
  ...words("layernorm_fusion rope_fusion bias_gelu_fusion bias_dropout_fusion scaled_masked_softmax_fusion"),
  ...words("scaled_upper_triang_masked_softmax_fusion use_flash_attention attn_implementation reorder_and_upcast_attn"),
  // What only other layers have: the tensors would show biases, and there are no feed-forward matrices.
  ...words("intermediate_size n_inner activation use_bias_in_attn_linear use_bias_in_norms attention_bias mlp_bias"),
  ...words("rms_norm_epsilon rms_norm_eps scalenorm_epsilon gmlp_attn_dim sparsity_config sparse_attention"),
  ...words("num_unique_layers param_sharing_style rotary_save_freqs_buffer use_tutel create_moe_param_group"),
  // Dropout.
  ...words("hidden_dropout attention_dropout dropout resid_pdrop embd_pdrop attn_pdrop classifier_dropout"),
  // Optimisation.
  ...words("optimizer optimizer_type scheduler use_bnb_optimizer lr min_lr lr_decay_style lr_decay_iters warmup"),
  ...words("override_lr_scheduler use_checkpoint_lr_scheduler weight_decay clip_grad gradient_clipping"),
  ...words("train_batch_size train_micro_batch_size_per_gpu batch_size gradient_accumulation_steps train_iters"),
  ...words("prescale_gradients gradient_predivide_factor sparse_gradients gradient_noise_scale_n_batches"),
  ...words("gradient_noise_scale_cpu_offload dynamic_loss_scale loss_scale loss_scale_window hysteresis min_scale"),
  ...words("coord_check save_base_shapes base_shapes_file seed iteration do_train do_valid do_test finetune"),
  ...words("eval_iters eval_interval exit_interval short_seq_prob eod_mask_loss char_level_ppl"),
  ...words("activation_checkpointing contiguous_checkpointing synchronize_each_layer partition_activations"),
  ...words("gradient_checkpointing data_efficiency compression_training elasticity"),
  // Data and tokenizer.
  ...words("data_path data_impl mmap_warmup use_shared_fs weight_by_num_documents weighted_sampler_alpha split"),
  ...words("num_workers tokenizer_type vocab_file merge_file make_vocab_size_divisible_by tokenizer_class"),
  ...words("bos_token_id eos_token_id pad_token_id unk_token_id sep_token_id decoder_start_token_id"),
  // Files, logs and machines.
  ...words("save save_iters extra_save_iters keep_last_n_checkpoints checkpoint eval_ckpt config_files user_script"),
  ...words("git_hash tensorboard wandb csv_monitor comms_logger flops_profiler steps_per_print wall_clock_breakdown"),
  ...words("dump_state adlr_autoresume adlr_autoresume_interval hostfile include exclude num_nodes num_gpus"),
  ...words("master_port master_addr launcher force_multi detect_nvlink_pairs no_ssh_check comment account"),
  // Writing text and scoring.
  ...words("text_gen_type temperature top_p top_k maximum_tokens return_logits prompt_end sample_input_file"),
  ...words("sample_output_file num_samples recompute eval_results_prefix eval_tasks use_cache max_length min_length"),
  ...words("do_sample num_beams num_return_sequences repetition_penalty model_max_length return_dict"),
  // Notes of Hugging Face's library.
  ...words("architectures model_type auto_map transformers_version is_decoder torchscript id2label label2id"),
  ...words("num_labels problem_type task_specific_params finetuning_task prefix chunk_size_feed_forward num_params"),
]);
