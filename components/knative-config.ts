/** Namespace of Knative Serving and of its ConfigMaps. */
export const KNATIVE_NAMESPACE = "knative-serving";

/** ConfigMap of the feature flags. */
export const FEATURES = "config-features";
/** ConfigMap of the domains. */
export const DOMAIN = "config-domain";
/** ConfigMap of the autoscaler. */
export const AUTOSCALER = "config-autoscaler";
/** ConfigMap of the defaults and limits of a revision. */
export const DEFAULTS = "config-defaults";
/** ConfigMap of the Deployments that Knative makes. */
export const DEPLOYMENT = "config-deployment";
/** ConfigMap of the network. */
export const NETWORK = "config-network";

/** ConfigMap of metrics and logs. */
export const OBSERVABILITY = "config-observability";

/** Feature flag without which Knative refuses tolerations in a pod spec. */
export const TOLERATIONS_FEATURE = "kubernetes.podspec-tolerations";

/** Key of {@link AUTOSCALER}: most pods any revision may ask for; 0 or unset means no limit. */
export const MAX_SCALE_LIMIT = "max-scale-limit";

/** Key of {@link DEFAULTS}: longest `timeoutSeconds` a revision may have. Knative's own default is 600. */
export const MAX_TIMEOUT = "max-revision-timeout-seconds";

/**
 * Label of our Services, which Knative copies to their Routes: the entry in {@link DOMAIN} selects it, so
 * that a cluster's other services keep their domain.
 */
export const PART_OF = { "app.kubernetes.io/part-of": "stable-diffusion-knative" } as const;
