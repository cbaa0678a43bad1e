output "queue_url" {
  description = "What -queue of typedsecret-relay is set to."
  value       = aws_sqs_queue.events.url
}

output "dead_letters_url" {
  description = "Where the events are that could not be delivered or published."
  value       = aws_sqs_queue.dead_letters.url
}

output "relay_policy_arn" {
  description = "To be attached to the role of the relay."
  value       = aws_iam_policy.relay.arn
}

output "topic_arn" {
  description = "Where others subscribe; null without with_topic."
  value       = local.topic_arn
}
