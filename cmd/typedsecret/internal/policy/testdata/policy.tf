data "aws_iam_policy_document" "read_secrets" {
  statement {
    sid    = "ReadSecrets"
    effect = "Allow"
    actions = [
      "secretsmanager:GetSecretValue",
    ]
    resources = [
      "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-??????",
      "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/tenants/*/key-??????",
    ]
  }

  statement {
    sid    = "ReadSecretsTogether"
    effect = "Allow"
    actions = [
      "secretsmanager:BatchGetSecretValue",
    ]
    resources = [
      "*",
    ]
  }

  statement {
    sid    = "DecryptSecrets"
    effect = "Allow"
    actions = [
      "kms:Decrypt",
    ]
    resources = [
      "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555",
    ]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values = [
        "secretsmanager.eu-west-1.amazonaws.com",
      ]
    }

    condition {
      test     = "StringLike"
      variable = "kms:EncryptionContext:SecretARN"
      values = [
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-??????",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/tenants/*/key-??????",
      ]
    }
  }

  statement {
    sid    = "ReceiveRotations"
    effect = "Allow"
    actions = [
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:ReceiveMessage",
    ]
    resources = [
      "arn:aws:sqs:eu-west-1:123456789012:rotations",
    ]
  }
}
