variable "name" {
  description = "Name of the rule, the queue and the topic, and the beginning of all other names."
  type        = string
  default     = "typedsecret-events"
}

variable "name_prefix" {
  description = "The prefix of the names of the secrets whose events count, such as prod/. If empty, all secrets in this account and region."
  type        = string
  default     = ""
}

variable "with_topic" {
  description = "Whether an SNS topic stands between the rule and the queue, to which others can subscribe."
  type        = bool
  default     = false
}

variable "alarm_topic_arn" {
  description = "The ARN of an SNS topic to which the alarms are sent. If null, they are sent nowhere."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags for each resource that can have tags."
  type        = map(string)
  default     = {}
}
