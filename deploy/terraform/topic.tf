# The topic, if with_topic is true.

# EventBridge can't publish on a topic that is encrypted with the key alias/aws/sns. An event has
# no secret in it.
resource "aws_sns_topic" "events" {
  count = var.with_topic ? 1 : 0

  name = var.name
  tags = var.tags
}

data "aws_iam_policy_document" "topic" {
  count = var.with_topic ? 1 : 0

  statement {
    actions   = ["sns:Publish"]
    resources = [local.topic_arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.events.arn]
    }
  }
}

resource "aws_sns_topic_policy" "events" {
  count = var.with_topic ? 1 : 0

  arn    = local.topic_arn
  policy = data.aws_iam_policy_document.topic[0].json
}

resource "aws_sns_topic_subscription" "queue" {
  count = var.with_topic ? 1 : 0

  topic_arn            = local.topic_arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.events.arn
  raw_message_delivery = true
  redrive_policy       = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead_letters.arn })
}
