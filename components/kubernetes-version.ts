/** First minor version of Kubernetes 1 that has `ValidatingAdmissionPolicy` as `v1`. */
export const ADMISSION_SINCE = 30;
