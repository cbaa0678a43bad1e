output "queue_url" {
  description = "The URL of the queue, for -queue of typedsecret-relay or for QueueURL of notify/sqs."
  value       = aws_sqs_queue.events.url
}

output "dead_letters_url" {
  description = "The URL of the queue with the events that could not be delivered or published."
  value       = aws_sqs_queue.dead_letters.url
}

output "relay_policy_arn" {
  description = "The ARN of the policy to attach to the role of the relay, or of the process."
  value       = aws_iam_policy.relay.arn
}

output "topic_arn" {
  description = "The ARN of the topic to which others subscribe; null without with_topic."
  value       = local.topic_arn
}
