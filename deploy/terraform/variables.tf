variable "name" {
  description = "Name of the rule, the queue and the topic, and the beginning of all other names."
  type        = string
  default     = "typedsecret-events"
}

variable "name_prefix" {
  description = "Only events of secrets whose names begin so. If empty, of all secrets in this account and region."
  type        = string
  default     = ""
}

variable "with_topic" {
  description = "Whether an SNS topic stands between the rule and the queue, to which others can subscribe."
  type        = bool
  default     = false
}

variable "alarm_topic_arn" {
  description = "The ARN of an SNS topic that the alarms tell. If null, they tell nobody."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of all that can have some."
  type        = map(string)
  default     = {}
}
