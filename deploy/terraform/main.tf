# Brings the events of rotated secrets into an SQS queue, for typedsecret-relay or one process
# with typedsecret.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

locals {
  topic_arn     = one(aws_sns_topic.events[*].arn)
  alarm_actions = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
}

# Secrets Manager sends these events by itself: no CloudTrail is needed, and none is sent for
# AWSPENDING and AWSPREVIOUS.
resource "aws_cloudwatch_event_rule" "events" {
  name        = var.name
  description = "A version of a secret got a staging label"
  tags        = var.tags

  event_pattern = jsonencode(merge(
    {
      source      = ["aws.secretsmanager"]
      detail-type = ["Secret Label Updated"]
    },
    var.name_prefix == "" ? {} : { detail = { name = [{ prefix = var.name_prefix }] } },
  ))
}

resource "aws_cloudwatch_event_target" "events" {
  rule      = aws_cloudwatch_event_rule.events.name
  target_id = "events"
  arn       = var.with_topic ? local.topic_arn : aws_sqs_queue.events.arn

  retry_policy {
    maximum_event_age_in_seconds = 3600 # the slow refresh has found the rotation by then
    maximum_retry_attempts       = 185
  }
  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

resource "aws_sqs_queue" "events" {
  name                       = var.name
  sqs_managed_sse_enabled    = true
  message_retention_seconds  = 86400
  receive_wait_time_seconds  = 20
  visibility_timeout_seconds = 30
  tags                       = var.tags

  # An event that can't be published comes again after 1 s at first and a minute later, so this
  # is some four hours.
  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters.arn
    maxReceiveCount     = 240
  })
}

resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-dead-letters"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 1209600
  tags                      = var.tags
}

resource "aws_cloudwatch_metric_alarm" "old_events" {
  alarm_name          = "${var.name}-old-events"
  alarm_description   = "An event has waited for more than two minutes, so rotations are seen late. Is the relay running, and can it publish? Its /healthz says so."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.events.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 120
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "lost_events" {
  alarm_name          = "${var.name}-lost-events"
  alarm_description   = "An event could not be delivered or published, and is in the dead-letter queue. A process sees that rotation at its next refresh."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
  ok_actions          = local.alarm_actions
  tags                = var.tags
}
