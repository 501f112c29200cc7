<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN" sourcelanguage="en">
  <context>
    <name>Actions</name>
    <message>
      <source>About Rolltop</source>
      <translation>关于 Rolltop</translation>
    </message>
    <message>
      <source>Chat</source>
      <translation>对话</translation>
    </message>
    <message>
      <source>Choose model</source>
      <translation>选择模型</translation>
    </message>
    <message>
      <source>Command palette</source>
      <translation>命令面板</translation>
    </message>
    <message>
      <source>Continue the answer</source>
      <translation>继续这个回答</translation>
    </message>
    <message>
      <source>Conversation list</source>
      <translation>对话列表</translation>
    </message>
    <message>
      <source>Copy the last answer</source>
      <translation>复制最后一个回答</translation>
    </message>
    <message>
      <source>Dark theme</source>
      <translation>深色主题</translation>
    </message>
    <message>
      <source>Delete what is shown</source>
      <translation>删除显示的内容</translation>
    </message>
    <message>
      <source>Edit my last message</source>
      <translation>编辑我的上一条消息</translation>
    </message>
    <message>
      <source>Find models</source>
      <translation>查找模型</translation>
    </message>
    <message>
      <source>Import GGUF files</source>
      <translation>导入 GGUF 文件</translation>
    </message>
    <message>
      <source>Inspector</source>
      <translation>检查器</translation>
    </message>
    <message>
      <source>Light theme</source>
      <translation>浅色主题</translation>
    </message>
    <message>
      <source>Menu</source>
      <translation>菜单</translation>
    </message>
    <message>
      <source>Message</source>
      <translation>消息</translation>
    </message>
    <message>
      <source>Models</source>
      <translation>模型</translation>
    </message>
    <message>
      <source>New chat</source>
      <translation>新对话</translation>
    </message>
    <message>
      <source>New text</source>
      <translation>新文本</translation>
    </message>
    <message>
      <source>Next in the list</source>
      <translation>列表中的下一个</translation>
    </message>
    <message>
      <source>Next version</source>
      <translation>下一个版本</translation>
    </message>
    <message>
      <source>Open documents</source>
      <translation>打开文档</translation>
    </message>
    <message>
      <source>Previous in the list</source>
      <translation>列表中的上一个</translation>
    </message>
    <message>
      <source>Previous version</source>
      <translation>上一个版本</translation>
    </message>
    <message>
      <source>Quit</source>
      <translation>退出</translation>
    </message>
    <message>
      <source>Regenerate the answer</source>
      <translation>重新生成回答</translation>
    </message>
    <message>
      <source>Rename conversation</source>
      <translation>重命名对话</translation>
    </message>
    <message>
      <source>Rewrite</source>
      <translation>改写</translation>
    </message>
    <message>
      <source>Rewrite this conversation</source>
      <translation>改写这个对话</translation>
    </message>
    <message>
      <source>Rolltop</source>
      <translation>Rolltop</translation>
    </message>
    <message>
      <source>Search conversations</source>
      <translation>搜索对话</translation>
    </message>
    <message>
      <source>Settings</source>
      <translation>设置</translation>
    </message>
    <message>
      <source>Stop the answer</source>
      <translation>停止回答</translation>
    </message>
    <message>
      <source>Summarize</source>
      <translation>摘要</translation>
    </message>
    <message>
      <source>Summarize this conversation</source>
      <translation>为这个对话生成摘要</translation>
    </message>
    <message>
      <source>Text</source>
      <translation>文本</translation>
    </message>
    <message>
      <source>Theme of the system</source>
      <translation>跟随系统主题</translation>
    </message>
    <message>
      <source>Undo delete</source>
      <translation>撤销删除</translation>
    </message>
    <message>
      <source>View</source>
      <translation>视图</translation>
    </message>
    <message>
      <source>Write a message</source>
      <translation>写消息</translation>
    </message>
  </context>
  <context>
    <name>Alternatives</name>
    <message>
      <source>Alternative {number}</source>
      <translation>备选 {number}</translation>
    </message>
    <message>
      <source>Alternative {number}: {action}</source>
      <translation>备选 {number}：{action}</translation>
    </message>
    <message>
      <source>Alternatives</source>
      <translation>备选</translation>
    </message>
    <message>
      <source>Make this the result ({key})</source>
      <translation>设为结果（{key}）</translation>
    </message>
    <message>
      <source>The result</source>
      <translation>当前结果</translation>
    </message>
    <message>
      <source>Use this</source>
      <translation>用这个</translation>
    </message>
  </context>
  <context>
    <name>App</name>
    <message>
      <source>End the other Rolltop, then start again. Folder: {folder}</source>
      <translation>请先结束另一个 Rolltop，然后重新启动。文件夹：{folder}</translation>
    </message>
    <message>
      <source>Quit</source>
      <translation>退出</translation>
    </message>
    <message>
      <source>Rolltop is already running with this folder, but it does not answer.</source>
      <translation>Rolltop 已在使用这个文件夹运行，但没有响应。</translation>
    </message>
    <message>
      <source>Try again</source>
      <translation>重试</translation>
    </message>
  </context>
  <context>
    <name>Catalogue</name>
    <message>
      <source>A careful writer in many languages from Europe, for a graphics card with 24 GB.</source>
      <translation>来自欧洲，用多种语言严谨写作，适合 24 GB 显存的显卡。</translation>
    </message>
    <message>
      <source>A model made for pictures: it reads documents, tables, screenshots and handwriting.</source>
      <translation>专为图片制作的模型：能读文档、表格、截图和手写文字。</translation>
    </message>
    <message>
      <source>A small model for computers with little memory, good for short texts in many languages.</source>
      <translation>适合内存较小的电脑的小模型，擅长多种语言的短文本。</translation>
    </message>
    <message>
      <source>A small model from Europe that follows instructions closely and sees pictures.</source>
      <translation>来自欧洲的小模型，严格遵循指令，能看图片。</translation>
    </message>
    <message>
      <source>A small model that is strong at mathematics, logic and short programs.</source>
      <translation>擅长数学、逻辑和短程序的小模型。</translation>
    </message>
    <message>
      <source>A small model that thinks at length before it answers, for puzzles, mathematics and plans.</source>
      <translation>回答前会充分思考的小模型，适合谜题、数学和计划。</translation>
    </message>
    <message>
      <source>A small model that was made wholly in the open and writes six European languages.</source>
      <translation>完全公开制作的小模型，能用六种欧洲语言写作。</translation>
    </message>
    <message>
      <source>A warm writer in more than a hundred languages that also sees pictures.</source>
      <translation>能用一百多种语言写作，文笔亲切，还能看图片。</translation>
    </message>
    <message>
      <source>A well-known small model for everyday writing and summaries.</source>
      <translation>知名的小模型，适合日常写作和摘要。</translation>
    </message>
    <message>
      <source>Completes and explains short programs on computers with little memory.</source>
      <translation>在内存较小的电脑上补全和解释短程序。</translation>
    </message>
    <message>
      <source>Finds English passages by meaning; very small and fast.</source>
      <translation>按含义查找英文段落；非常小，速度快。</translation>
    </message>
    <message>
      <source>Finds long passages by meaning in more than a hundred languages, Chinese among them.</source>
      <translation>按含义查找一百多种语言的长段落，包括中文。</translation>
    </message>
    <message>
      <source>Finds passages and program code by meaning in more than a hundred languages.</source>
      <translation>按含义查找一百多种语言的段落和程序代码。</translation>
    </message>
    <message>
      <source>Finds passages by meaning in more than a hundred languages; small and fast.</source>
      <translation>按含义查找一百多种语言的段落；小而快。</translation>
    </message>
    <message>
      <source>Large and yet fast without a graphics card, for computers with 32 GB of memory.</source>
      <translation>虽然大，但没有显卡也快，适合 32 GB 内存的电脑。</translation>
    </message>
    <message>
      <source>One of the best that a single graphics card with 24 GB can run.</source>
      <translation>一块 24 GB 显存的显卡所能运行的最好模型之一。</translation>
    </message>
    <message>
      <source>Puts found passages and program code into the right order, with more care and more time.</source>
      <translation>把找到的段落和程序代码按相关程度排序，更细致，用时也更多。</translation>
    </message>
    <message>
      <source>Puts found passages into the right order; fast, and at home in many languages.</source>
      <translation>把找到的段落按相关程度排序；速度快，擅长多种语言。</translation>
    </message>
    <message>
      <source>The best all-rounder for 16 GB of memory or a graphics card with 8 GB.</source>
      <translation>适合 16 GB 内存或 8 GB 显存的显卡的最佳全能模型。</translation>
    </message>
    <message>
      <source>The best all-rounder for a laptop with 8 GB of memory, in many languages and with pictures.</source>
      <translation>适合 8 GB 内存笔记本电脑的最佳全能模型，支持多种语言和图片。</translation>
    </message>
    <message>
      <source>The best that is still fast without a graphics card, for computers with 48 GB of memory or more.</source>
      <translation>没有显卡仍然快的模型中最好的一个，适合 48 GB 或更大内存的电脑。</translation>
    </message>
    <message>
      <source>The smallest one that chats in many languages and sees pictures, for old computers and quick drafts.</source>
      <translation>能用多种语言对话并能看图片的最小模型，适合旧电脑和快速草稿。</translation>
    </message>
    <message>
      <source>Thinks before it answers and stays fast, since it uses only a sixth of itself for each word.</source>
      <translation>回答前先思考，速度依然快，因为每个词只用到自身的六分之一。</translation>
    </message>
    <message>
      <source>Very fast without a graphics card, since it uses only a sixth of itself for each word.</source>
      <translation>没有显卡也非常快，因为每个词只用到自身的六分之一。</translation>
    </message>
    <message>
      <source>Writes and repairs whole programs, fast, on computers with 32 GB of memory.</source>
      <translation>在 32 GB 内存的电脑上快速编写和修复完整程序。</translation>
    </message>
    <message>
      <source>Writes well in more than a hundred languages and sees pictures, for a graphics card with 12 GB.</source>
      <translation>能用一百多种语言写出好文章，能看图片，适合 12 GB 显存的显卡。</translation>
    </message>
    <message>
      <source>Writes, explains and repairs programs on a laptop with 16 GB of memory.</source>
      <translation>在 16 GB 内存的笔记本电脑上编写、解释和修复程序。</translation>
    </message>
  </context>
  <context>
    <name>Changes</name>
    <message>
      <source>, </source>
      <translation>，</translation>
    </message>
    <message>
      <source>1 change</source>
      <translation>1 处修改</translation>
    </message>
    <message>
      <source>Accept</source>
      <translation>接受</translation>
    </message>
    <message>
      <source>Accept all</source>
      <translation>全部接受</translation>
    </message>
    <message>
      <source>Accept this change (A)</source>
      <translation>接受这处修改（A）</translation>
    </message>
    <message>
      <source>Accept what is open (Shift+A)</source>
      <translation>接受所有待定的修改（Shift+A）</translation>
    </message>
    <message>
      <source>Next change (F7 or N)</source>
      <translation>下一处修改（F7 或 N）</translation>
    </message>
    <message>
      <source>No changes</source>
      <translation>没有修改</translation>
    </message>
    <message>
      <source>Previous change (Shift+F7 or P)</source>
      <translation>上一处修改（Shift+F7 或 P）</translation>
    </message>
    <message>
      <source>Reject</source>
      <translation>拒绝</translation>
    </message>
    <message>
      <source>Reject all</source>
      <translation>全部拒绝</translation>
    </message>
    <message>
      <source>Reject this change (R)</source>
      <translation>拒绝这处修改（R）</translation>
    </message>
    <message>
      <source>Reject what is open (Shift+R)</source>
      <translation>拒绝所有待定的修改（Shift+R）</translation>
    </message>
    <message>
      <source>Undo the last decision (Ctrl+Z)</source>
      <translation>撤销上一个决定（Ctrl+Z）</translation>
    </message>
    <message>
      <source>accepted</source>
      <translation>已接受</translation>
    </message>
    <message>
      <source>open</source>
      <translation>待定</translation>
    </message>
    <message>
      <source>rejected</source>
      <translation>已拒绝</translation>
    </message>
    <message>
      <source>{n} accepted</source>
      <translation>已接受 {n} 处</translation>
    </message>
    <message>
      <source>{n} changes</source>
      <translation>{n} 处修改</translation>
    </message>
    <message>
      <source>{n} rejected</source>
      <translation>已拒绝 {n} 处</translation>
    </message>
    <message>
      <source>“{new}” is put in</source>
      <translation>插入“{new}”</translation>
    </message>
    <message>
      <source>“{old}” becomes “{new}”</source>
      <translation>“{old}”改为“{new}”</translation>
    </message>
    <message>
      <source>“{old}” is taken out</source>
      <translation>删去“{old}”</translation>
    </message>
  </context>
  <context>
    <name>Chat</name>
    <message>
      <source>Answer it now</source>
      <translation>现在回答</translation>
    </message>
    <message>
      <source>Ask about “{title}”: the system prompt of this chat has it.</source>
      <translation>就“{title}”提问：其内容已在本对话的系统提示词中。</translation>
    </message>
    <message>
      <source>Ask anything: what you write stays on this computer.</source>
      <translation>随便问吧：你写的内容只留在这台电脑上。</translation>
    </message>
    <message>
      <source>Cancel</source>
      <translation>取消</translation>
    </message>
    <message>
      <source>Cancel loading the model</source>
      <translation>取消加载模型</translation>
    </message>
    <message>
      <source>Choose a model</source>
      <translation>选择模型</translation>
    </message>
    <message>
      <source>Double-click or press F2 to rename</source>
      <translation>双击或按 F2 重命名</translation>
    </message>
    <message>
      <source>Edit message</source>
      <translation>编辑消息</translation>
    </message>
    <message>
      <source>Export as Markdown</source>
      <translation>导出为 Markdown</translation>
    </message>
    <message>
      <source>Keep the context as {type}</source>
      <translation>上下文保存为 {type}</translation>
    </message>
    <message>
      <source>Load the model</source>
      <translation>加载模型</translation>
    </message>
    <message>
      <source>Loading the model · {percent} %</source>
      <translation>正在加载模型 · {percent} %</translation>
    </message>
    <message>
      <source>Loading {model} · {percent} %</source>
      <translation>正在加载 {model} · {percent} %</translation>
    </message>
    <message>
      <source>Markdown (*.md)</source>
      <translation>Markdown (*.md)</translation>
    </message>
    <message>
      <source>New chat</source>
      <translation>新对话</translation>
    </message>
    <message>
      <source>Put {n} layers on the graphics card</source>
      <translation>在显卡上放 {n} 层</translation>
    </message>
    <message>
      <source>Restart</source>
      <translation>重新启动</translation>
    </message>
    <message>
      <source>Show or hide the conversations</source>
      <translation>显示或隐藏对话列表</translation>
    </message>
    <message>
      <source>Show or hide the inspector</source>
      <translation>显示或隐藏检查器</translation>
    </message>
    <message>
      <source>Start a new chat with this message</source>
      <translation>用这条消息开始新对话</translation>
    </message>
    <message>
      <source>Stopped. Your message is kept, without an answer.</source>
      <translation>已停止。你的消息已保留，没有回答。</translation>
    </message>
    <message>
      <source>The message and what followed it were deleted.</source>
      <translation>这条消息及其后的内容已删除。</translation>
    </message>
    <message>
      <source>The prompt can be shown while the model is loaded.</source>
      <translation>加载模型后才能显示提示词。</translation>
    </message>
    <message>
      <source>This model has no chat template: it is given a plain transcript to complete.</source>
      <translation>这个模型没有对话模板：它会收到一份纯文本记录并续写。</translation>
    </message>
    <message>
      <source>Title of the conversation</source>
      <translation>对话标题</translation>
    </message>
    <message>
      <source>Title: {title}</source>
      <translation>标题：{title}</translation>
    </message>
    <message>
      <source>Try again</source>
      <translation>重试</translation>
    </message>
    <message>
      <source>Use a context of {size}</source>
      <translation>使用 {size} 的上下文</translation>
    </message>
    <message>
      <source>Use the processor only</source>
      <translation>只用处理器</translation>
    </message>
    <message>
      <source>reading the prompt {percent} %</source>
      <translation>正在读取提示词 {percent} %</translation>
    </message>
    <message>
      <source>“{title}” was deleted.</source>
      <translation>已删除“{title}”。</translation>
    </message>
  </context>
  <context>
    <name>Columns</name>
    <message>
      <source>Copy</source>
      <translation>复制</translation>
    </message>
    <message>
      <source>Select all</source>
      <translation>全选</translation>
    </message>
  </context>
  <context>
    <name>CommandPalette</name>
    <message>
      <source>Command palette</source>
      <translation>命令面板</translation>
    </message>
    <message>
      <source>Find an action, a conversation or a model…</source>
      <translation>查找操作、对话或模型…</translation>
    </message>
    <message>
      <source>Found</source>
      <translation>找到的结果</translation>
    </message>
    <message>
      <source>Nothing found.</source>
      <translation>没有找到。</translation>
    </message>
  </context>
  <context>
    <name>Composer</name>
    <message>
      <source>1 token</source>
      <translation>1 个词元</translation>
    </message>
    <message>
      <source>Insert the pasted text into the message</source>
      <translation>把粘贴的文本放进消息</translation>
    </message>
    <message>
      <source>Message</source>
      <translation>消息</translation>
    </message>
    <message>
      <source>Pasted text · {size}</source>
      <translation>粘贴的文本 · {size}</translation>
    </message>
    <message>
      <source>Remove</source>
      <translation>移除</translation>
    </message>
    <message>
      <source>Remove the pasted text</source>
      <translation>移除粘贴的文本</translation>
    </message>
    <message>
      <source>Send</source>
      <translation>发送</translation>
    </message>
    <message>
      <source>Send (Ctrl+Enter)</source>
      <translation>发送（Ctrl+Enter）</translation>
    </message>
    <message>
      <source>Send (Enter; Shift+Enter for a new line)</source>
      <translation>发送（Enter；Shift+Enter 换行）</translation>
    </message>
    <message>
      <source>Stop</source>
      <translation>停止</translation>
    </message>
    <message>
      <source>Stop (Esc)</source>
      <translation>停止（Esc）</translation>
    </message>
    <message>
      <source>Write a message…</source>
      <translation>写消息…</translation>
    </message>
    <message>
      <source>about {count} tokens</source>
      <translation>约 {count} 个词元</translation>
    </message>
    <message>
      <source>insert</source>
      <translation>放进消息</translation>
    </message>
    <message>
      <source>{count} tokens</source>
      <translation>{count} 个词元</translation>
    </message>
    <message>
      <source>{size} MB</source>
      <translation>{size} MB</translation>
    </message>
    <message>
      <source>{size} kB</source>
      <translation>{size} kB</translation>
    </message>
  </context>
  <context>
    <name>ConversationList</name>
    <message>
      <source>1 message</source>
      <translation>1 条消息</translation>
    </message>
    <message>
      <source>Conversations</source>
      <translation>对话</translation>
    </message>
    <message>
      <source>Delete</source>
      <translation>删除</translation>
    </message>
    <message>
      <source>Draft</source>
      <translation>草稿</translation>
    </message>
    <message>
      <source>Export as Markdown…</source>
      <translation>导出为 Markdown…</translation>
    </message>
    <message>
      <source>New chat</source>
      <translation>新对话</translation>
    </message>
    <message>
      <source>No conversation contains “{text}”.</source>
      <translation>没有对话包含“{text}”。</translation>
    </message>
    <message>
      <source>Rename</source>
      <translation>重命名</translation>
    </message>
    <message>
      <source>Search conversations</source>
      <translation>搜索对话</translation>
    </message>
    <message>
      <source>Your conversations will be kept here.</source>
      <translation>你的对话会保存在这里。</translation>
    </message>
    <message>
      <source>writing…</source>
      <translation>正在写…</translation>
    </message>
    <message>
      <source>{count} messages</source>
      <translation>{count} 条消息</translation>
    </message>
  </context>
  <context>
    <name>Downloads</name>
    <message>
      <source>Cancel</source>
      <translation>取消</translation>
    </message>
    <message>
      <source>Chat with it</source>
      <translation>用它对话</translation>
    </message>
    <message>
      <source>Clear finished ones</source>
      <translation>清除已完成的</translation>
    </message>
    <message>
      <source>Find a model</source>
      <translation>查找模型</translation>
    </message>
    <message>
      <source>Go on</source>
      <translation>继续</translation>
    </message>
    <message>
      <source>Nothing is being downloaded.</source>
      <translation>没有正在下载的内容。</translation>
    </message>
    <message>
      <source>Pause</source>
      <translation>暂停</translation>
    </message>
    <message>
      <source>checking what has come</source>
      <translation>正在校验已下载的内容</translation>
    </message>
    <message>
      <source>done · {size}</source>
      <translation>已完成 · {size}</translation>
    </message>
    <message>
      <source>paused</source>
      <translation>已暂停</translation>
    </message>
    <message>
      <source>waiting for its turn</source>
      <translation>排队等候</translation>
    </message>
    <message>
      <source>{done} of {total}</source>
      <translation>{done} / {total}</translation>
    </message>
    <message>
      <source>{model} is on this computer now.</source>
      <translation>{model} 已下载到这台电脑。</translation>
    </message>
    <message>
      <source>{reason} Trying again soon.</source>
      <translation>{reason}即将重试。</translation>
    </message>
    <message>
      <source>{time} left</source>
      <translation>剩余 {time}</translation>
    </message>
  </context>
  <context>
    <name>Errors</name>
    <message>
      <source>A context of {tokens} tokens has no room for the instructions and a text.</source>
      <translation>{tokens} 个词元的上下文放不下指令和文本。</translation>
    </message>
    <message>
      <source>A model's address is like publisher/name.</source>
      <translation>模型地址的格式是“发布者/名称”。</translation>
    </message>
    <message>
      <source>A part of it runs on the graphics card, the rest more slowly.</source>
      <translation>一部分在显卡上运行，其余部分运行较慢。</translation>
    </message>
    <message>
      <source>A request with the name {id} is running already.</source>
      <translation>名为 {id} 的请求已在运行。</translation>
    </message>
    <message>
      <source>A token is one word that begins with hf_. Copy it from the settings of your account.</source>
      <translation>访问令牌是以 hf_ 开头的一个词。请从你账户的设置中复制。</translation>
    </message>
    <message>
      <source>A web page came instead of the file.</source>
      <translation>收到的是网页，而不是文件。</translation>
    </message>
    <message>
      <source>Accept the terms at {page} with the account of your token, then try again.</source>
      <translation>请用访问令牌所属的账户在 {page} 接受条款，然后重试。</translation>
    </message>
    <message>
      <source>Accept the terms at {page}, make a token in your account, and enter it in the settings.</source>
      <translation>请在 {page} 接受条款，在你的账户中创建访问令牌，并在设置中填入。</translation>
    </message>
    <message>
      <source>Allow writing there, or choose another folder with --data-dir or ROLLTOP_DATA_DIR.</source>
      <translation>请允许写入该文件夹，或用 --data-dir 或 ROLLTOP_DATA_DIR 选择另一个文件夹。</translation>
    </message>
    <message>
      <source>An answer got too long; its end was left out.</source>
      <translation>有一个回答太长，末尾已略去。</translation>
    </message>
    <message>
      <source>An answer is still being written in this conversation.</source>
      <translation>这个对话中还有回答正在生成。</translation>
    </message>
    <message>
      <source>Ask for access on its page, {page}, and try again when it is granted.</source>
      <translation>请在它的页面 {page} 申请访问权限，获准后重试。</translation>
    </message>
    <message>
      <source>Ask for access on its page, {page}, then enter your token in the settings.</source>
      <translation>请在它的页面 {page} 申请访问权限，然后在设置中填入你的访问令牌。</translation>
    </message>
    <message>
      <source>By its name this is a {named} file, but it is a {format} file and was read as that.</source>
      <translation>按名称这是 {named} 文件，但它其实是 {format} 文件，已按后者读取。</translation>
    </message>
    <message>
      <source>Change its permissions, or copy it to a folder of yours.</source>
      <translation>请更改它的权限，或把它复制到你自己的文件夹。</translation>
    </message>
    <message>
      <source>Chapters that are missing or damaged were left out: {names}.</source>
      <translation>缺失或损坏的章节已略过：{names}。</translation>
    </message>
    <message>
      <source>Check that the graphics driver is installed, or install Rolltop again.</source>
      <translation>请检查是否已安装显卡驱动程序，或重新安装 Rolltop。</translation>
    </message>
    <message>
      <source>Check the clock of this computer, and whether something on the way looks into connections.</source>
      <translation>请检查这台电脑的时钟，以及是否有程序或设备在中途检查连接。</translation>
    </message>
    <message>
      <source>Check the connection, and the proxy in the settings. If the hub is blocked, use a mirror.</source>
      <translation>请检查网络连接和设置中的代理。如果模型中心被屏蔽，请使用镜像站。</translation>
    </message>
    <message>
      <source>Check the disk or the network folder it is on.</source>
      <translation>请检查它所在的磁盘或网络文件夹。</translation>
    </message>
    <message>
      <source>Check the disk, or download the model again.</source>
      <translation>请检查磁盘，或重新下载该模型。</translation>
    </message>
    <message>
      <source>Check the folder {folder}, or choose another one in the settings.</source>
      <translation>请检查文件夹 {folder}，或在设置中选择另一个。</translation>
    </message>
    <message>
      <source>Check the name. If it is private, enter your token in the settings.</source>
      <translation>请检查名称。如果它是私有的，请在设置中填入你的访问令牌。</translation>
    </message>
    <message>
      <source>Check the name; for a private model, enter a token of your account in the settings.</source>
      <translation>请检查名称；如果是私有模型，请在设置中填入你账户的访问令牌。</translation>
    </message>
    <message>
      <source>Check the network, then go on with the download; what has come is kept.</source>
      <translation>请检查网络，然后继续下载；已下载的内容会保留。</translation>
    </message>
    <message>
      <source>Check the path.</source>
      <translation>请检查路径。</translation>
    </message>
    <message>
      <source>Check the permissions and the disk of both folders.</source>
      <translation>请检查两个文件夹的权限和所在磁盘。</translation>
    </message>
    <message>
      <source>Check the permissions of its folder and the room on the disk.</source>
      <translation>请检查其文件夹的权限和磁盘空间。</translation>
    </message>
    <message>
      <source>Check the permissions of its folder, and close the programs that use it.</source>
      <translation>请检查其文件夹的权限，并关闭正在使用它的程序。</translation>
    </message>
    <message>
      <source>Check the permissions of the file and of its folder.</source>
      <translation>请检查该文件及其文件夹的权限。</translation>
    </message>
    <message>
      <source>Check the permissions of the folder.</source>
      <translation>请检查该文件夹的权限。</translation>
    </message>
    <message>
      <source>Check the proxy in the settings.</source>
      <translation>请检查设置中的代理。</translation>
    </message>
    <message>
      <source>Choose a GGUF file that was made as a LoRA adapter.</source>
      <translation>请选择作为 LoRA 适配器制作的 GGUF 文件。</translation>
    </message>
    <message>
      <source>Choose a chat model.</source>
      <translation>请选择一个对话模型。</translation>
    </message>
    <message>
      <source>Choose a file in the GGUF format.</source>
      <translation>请选择 GGUF 格式的文件。</translation>
    </message>
    <message>
      <source>Choose a file whose name ends with .gguf.</source>
      <translation>请选择名称以 .gguf 结尾的文件。</translation>
    </message>
    <message>
      <source>Choose a file.</source>
      <translation>请选择一个文件。</translation>
    </message>
    <message>
      <source>Choose a folder on another disk in the settings; FAT32 disks hold files up to 4 GB.</source>
      <translation>请在设置中选择另一个磁盘上的文件夹；FAT32 磁盘上的文件最大为 4 GB。</translation>
    </message>
    <message>
      <source>Choose a folder that holds GGUF files.</source>
      <translation>请选择存放 GGUF 文件的文件夹。</translation>
    </message>
    <message>
      <source>Choose a folder that holds models only.</source>
      <translation>请选择只存放模型的文件夹。</translation>
    </message>
    <message>
      <source>Choose a larger context for this model.</source>
      <translation>请为这个模型选择更大的上下文。</translation>
    </message>
    <message>
      <source>Choose a larger context or a shorter text.</source>
      <translation>请选择更大的上下文或更短的文本。</translation>
    </message>
    <message>
      <source>Choose a larger context, shorten the message, or start a new chat with it.</source>
      <translation>请选择更大的上下文，缩短消息，或用它开始新对话。</translation>
    </message>
    <message>
      <source>Choose a model made for chat.</source>
      <translation>请选择用于对话的模型。</translation>
    </message>
    <message>
      <source>Choose a model that generates text, or download this one again.</source>
      <translation>请选择能生成文本的模型，或重新下载这个模型。</translation>
    </message>
    <message>
      <source>Choose a model that generates text.</source>
      <translation>请选择能生成文本的模型。</translation>
    </message>
    <message>
      <source>Choose a model's own file.</source>
      <translation>请选择模型本身的文件。</translation>
    </message>
    <message>
      <source>Choose a smaller context or a smaller model.</source>
      <translation>请选择更小的上下文或更小的模型。</translation>
    </message>
    <message>
      <source>Choose a smaller context, or put fewer layers on the graphics card.</source>
      <translation>请选择更小的上下文，或减少放在显卡上的层数。</translation>
    </message>
    <message>
      <source>Choose a smaller context, run it on the CPU only, or choose another model.</source>
      <translation>请选择更小的上下文，只用 CPU 运行，或换一个模型。</translation>
    </message>
    <message>
      <source>Choose a smaller model, or put fewer of its layers on the graphics card.</source>
      <translation>请选择更小的模型，或减少它放在显卡上的层数。</translation>
    </message>
    <message>
      <source>Choose an adapter that needs no trigger words.</source>
      <translation>请选择不需要触发词的适配器。</translation>
    </message>
    <message>
      <source>Choose an adapter that was made for this model.</source>
      <translation>请选择为这个模型制作的适配器。</translation>
    </message>
    <message>
      <source>Choose an adapter that was made for this very model, or download it again.</source>
      <translation>请选择正是为这个模型制作的适配器，或重新下载。</translation>
    </message>
    <message>
      <source>Choose an adapter that was made for this very model.</source>
      <translation>请选择正是为这个模型制作的适配器。</translation>
    </message>
    <message>
      <source>Choose another file of the same model.</source>
      <translation>请选择同一模型的另一个文件。</translation>
    </message>
    <message>
      <source>Choose another file.</source>
      <translation>请选择另一个文件。</translation>
    </message>
    <message>
      <source>Choose another folder.</source>
      <translation>请选择另一个文件夹。</translation>
    </message>
    <message>
      <source>Choose another model, or another file of this one.</source>
      <translation>请换一个模型，或换这个模型的另一个文件。</translation>
    </message>
    <message>
      <source>Choose another model, or get this one from another publisher.</source>
      <translation>请换一个模型，或从其他发布者获取这个模型。</translation>
    </message>
    <message>
      <source>Choose another model.</source>
      <translation>请换一个模型。</translation>
    </message>
    <message>
      <source>Choose another name, or remove that file first.</source>
      <translation>请换一个名称，或先移除那个文件。</translation>
    </message>
    <message>
      <source>Choose another one.</source>
      <translation>请另选一个。</translation>
    </message>
    <message>
      <source>Choose another task or another text.</source>
      <translation>请选择另一种改写方式或另一段文本。</translation>
    </message>
    <message>
      <source>Choose another type, or download the model again.</source>
      <translation>请选择另一种类型，或重新下载该模型。</translation>
    </message>
    <message>
      <source>Choose one from the library.</source>
      <translation>请从模型库中选择一个。</translation>
    </message>
    <message>
      <source>Choose one of these types: {types}.</source>
      <translation>请从这些类型中选择：{types}。</translation>
    </message>
    <message>
      <source>Choose one of these: {choices}.</source>
      <translation>请选择以下之一：{choices}。</translation>
    </message>
    <message>
      <source>Choose other settings for its context.</source>
      <translation>请为它的上下文选择其他设置。</translation>
    </message>
    <message>
      <source>Choose the file itself.</source>
      <translation>请选择文件本身。</translation>
    </message>
    <message>
      <source>Choose the files in it.</source>
      <translation>请选择其中的文件。</translation>
    </message>
    <message>
      <source>Choose the language to translate to.</source>
      <translation>请选择要译成的语言。</translation>
    </message>
    <message>
      <source>Choose the model that it belongs to.</source>
      <translation>请选择它所属的模型。</translation>
    </message>
    <message>
      <source>Close it, or go on there.</source>
      <translation>请关闭它，或在那里继续。</translation>
    </message>
    <message>
      <source>Close other programs and try again.</source>
      <translation>请关闭其他程序，然后重试。</translation>
    </message>
    <message>
      <source>Close other programs, or choose a smaller context or a smaller model.</source>
      <translation>请关闭其他程序，或选择更小的上下文或更小的模型。</translation>
    </message>
    <message>
      <source>Close other windows of Rolltop and programs that read {path}, then try again.</source>
      <translation>请关闭其他 Rolltop 窗口以及正在读取 {path} 的程序，然后重试。</translation>
    </message>
    <message>
      <source>Close the other program, then empty the trash again.</source>
      <translation>请关闭另一个程序，然后再次清空废纸篓。</translation>
    </message>
    <message>
      <source>Columns beyond the first {columns} were left out.</source>
      <translation>只读取了前 {columns} 列，其余的列已略过。</translation>
    </message>
    <message>
      <source>Copy it again, and enter it in the settings.</source>
      <translation>请重新复制，并在设置中填入。</translation>
    </message>
    <message>
      <source>Copy it instead.</source>
      <translation>请改为复制。</translation>
    </message>
    <message>
      <source>Correct it in the settings, or empty it for Hugging Face's own.</source>
      <translation>请在设置中更正，或留空以使用 Hugging Face 自己的地址。</translation>
    </message>
    <message>
      <source>Correct its address in the settings, such as http://localhost:3128.</source>
      <translation>请在设置中更正它的地址，例如 http://localhost:3128。</translation>
    </message>
    <message>
      <source>Damaged pages were left out: {pages}.</source>
      <translation>损坏的页已略过：{pages}。</translation>
    </message>
    <message>
      <source>Delete it for good, or close the programs that use it.</source>
      <translation>请永久删除它，或关闭正在使用它的程序。</translation>
    </message>
    <message>
      <source>Delete it in {app}.</source>
      <translation>请在 {app} 中删除它。</translation>
    </message>
    <message>
      <source>Divide it into smaller files, or save it as plain text.</source>
      <translation>请把它分成更小的文件，或保存为纯文本。</translation>
    </message>
    <message>
      <source>Divide it into smaller files.</source>
      <translation>请把它分成更小的文件。</translation>
    </message>
    <message>
      <source>Do not open it elsewhere either, unless you know who made it.</source>
      <translation>除非你知道它是谁制作的，否则也不要在别处打开它。</translation>
    </message>
    <message>
      <source>Download all parts into one folder.</source>
      <translation>请把所有分卷下载到同一个文件夹。</translation>
    </message>
    <message>
      <source>Download it again.</source>
      <translation>请重新下载。</translation>
    </message>
    <message>
      <source>Download the model again, from the link of the file itself.</source>
      <translation>请从文件本身的链接重新下载该模型。</translation>
    </message>
    <message>
      <source>Enter a new one in the settings, or remove it.</source>
      <translation>请在设置中填入新的，或将其移除。</translation>
    </message>
    <message>
      <source>Formulas without a calculated value are shown as formulas: {count}.</source>
      <translation>没有计算结果的公式按公式显示：{count} 个。</translation>
    </message>
    <message>
      <source>Free some room, or choose another folder.</source>
      <translation>请腾出一些空间，或选择另一个文件夹。</translation>
    </message>
    <message>
      <source>Free some space and try again. What was saved before is safe.</source>
      <translation>请腾出一些空间再试。之前保存的内容是安全的。</translation>
    </message>
    <message>
      <source>Free some space, or choose a folder on another disk in the settings.</source>
      <translation>请腾出一些空间，或在设置中选择另一个磁盘上的文件夹。</translation>
    </message>
    <message>
      <source>Free some space, or link the file instead.</source>
      <translation>请腾出一些空间，或改为链接该文件。</translation>
    </message>
    <message>
      <source>Free some space, then go on with the download.</source>
      <translation>请腾出一些空间，然后继续下载。</translation>
    </message>
    <message>
      <source>Get it once more from where it came from, or open and save it in a PDF viewer.</source>
      <translation>请从来源处重新获取，或在 PDF 阅读器中打开并保存。</translation>
    </message>
    <message>
      <source>Get it once more from where it came from, or open and save it in the program it is for.</source>
      <translation>请从来源处重新获取，或在对应的程序中打开并保存。</translation>
    </message>
    <message>
      <source>Get it once more from where it came from.</source>
      <translation>请从来源处重新获取。</translation>
    </message>
    <message>
      <source>Give the parts the names that they were published with.</source>
      <translation>请恢复各分卷发布时的名称。</translation>
    </message>
    <message>
      <source>In {count} of {total} paragraphs something is missing that was to be kept.</source>
      <translation>{total} 段中有 {count} 段缺少应当保留的内容。</translation>
    </message>
    <message>
      <source>In {count} of {total} paragraphs the model changed nothing.</source>
      <translation>{total} 段中有 {count} 段模型没有改动。</translation>
    </message>
    <message>
      <source>Install Rolltop again, or search the hub.</source>
      <translation>请重新安装 Rolltop，或在模型中心搜索。</translation>
    </message>
    <message>
      <source>Install Rolltop again.</source>
      <translation>请重新安装 Rolltop。</translation>
    </message>
    <message>
      <source>Install the newer version, or choose another data folder.</source>
      <translation>请安装更新的版本，或选择另一个数据文件夹。</translation>
    </message>
    <message>
      <source>It fits into memory and leaves room for other programs.</source>
      <translation>内存放得下，并能给其他程序留出空间。</translation>
    </message>
    <message>
      <source>It fits into memory, but answers slowly on this computer.</source>
      <translation>内存放得下，但在这台电脑上回答较慢。</translation>
    </message>
    <message>
      <source>It fits only when few other programs are open.</source>
      <translation>只有在很少打开其他程序时才放得下。</translation>
    </message>
    <message>
      <source>It may have been deleted: look in the trash.</source>
      <translation>它可能已被删除：请看看废纸篓。</translation>
    </message>
    <message>
      <source>It must be GBNF with a rule named "root".</source>
      <translation>必须是 GBNF，且含有名为“root”的规则。</translation>
    </message>
    <message>
      <source>It needs more memory than this computer has.</source>
      <translation>它需要的内存超过这台电脑的内存。</translation>
    </message>
    <message>
      <source>It runs on the graphics card and is fast there.</source>
      <translation>它在显卡上运行，速度很快。</translation>
    </message>
    <message>
      <source>It takes little room. Any other model can be chosen for new chats.</source>
      <translation>它占用的空间很小。新对话可以选择任何其他模型。</translation>
    </message>
    <message>
      <source>Let a program for text recognition (OCR) make a PDF with text of it.</source>
      <translation>请用文字识别（OCR）程序把它转成带文字的 PDF。</translation>
    </message>
    <message>
      <source>Let a program for text recognition (OCR) make a text of it.</source>
      <translation>请用文字识别（OCR）程序把它转成文本。</translation>
    </message>
    <message>
      <source>Link or copy it instead.</source>
      <translation>请改为链接或复制。</translation>
    </message>
    <message>
      <source>Look at its page, {page}.</source>
      <translation>请查看它的页面 {page}。</translation>
    </message>
    <message>
      <source>Look at {page} for the reason, or choose another model.</source>
      <translation>请在 {page} 查看原因，或换一个模型。</translation>
    </message>
    <message>
      <source>Look for a GGUF file of the same model.</source>
      <translation>请寻找同一模型的 GGUF 文件。</translation>
    </message>
    <message>
      <source>Look for a newer file of the same model.</source>
      <translation>请寻找同一模型更新的文件。</translation>
    </message>
    <message>
      <source>Look for a repository of the same model with GGUF in its name.</source>
      <translation>请寻找同一模型的、名称中带有 GGUF 的仓库。</translation>
    </message>
    <message>
      <source>Look for another file of the same model.</source>
      <translation>请寻找同一模型的另一个文件。</translation>
    </message>
    <message>
      <source>Make a new token in your account there, and enter it in the settings.</source>
      <translation>请在你的账户中创建新的访问令牌，并在设置中填入。</translation>
    </message>
    <message>
      <source>Make one on {page} and enter it in the settings.</source>
      <translation>请在 {page} 创建一个，并在设置中填入。</translation>
    </message>
    <message>
      <source>Move it away, or choose another data folder.</source>
      <translation>请把它移走，或选择另一个数据文件夹。</translation>
    </message>
    <message>
      <source>Name it as publisher/repository, or paste the address of its page.</source>
      <translation>请写成“发布者/仓库”的形式，或粘贴它的页面地址。</translation>
    </message>
    <message>
      <source>Name it as the list of folders has it.</source>
      <translation>请按文件夹列表中的写法填写。</translation>
    </message>
    <message>
      <source>Name the path of a GGUF file.</source>
      <translation>请给出 GGUF 文件的路径。</translation>
    </message>
    <message>
      <source>No model is chosen.</source>
      <translation>没有选择模型。</translation>
    </message>
    <message>
      <source>None of the pages of this PDF can be read.</source>
      <translation>这个 PDF 的所有页都无法读取。</translation>
    </message>
    <message>
      <source>Ollama's list of the parts of {model} is damaged.</source>
      <translation>Ollama 中 {model} 的组成清单已损坏。</translation>
    </message>
    <message>
      <source>Only an answer can be continued.</source>
      <translation>只能继续回答。</translation>
    </message>
    <message>
      <source>Only the beginning was read, {characters:,} characters; the rest is too long.</source>
      <translation>只读取了开头的 {characters:,} 个字符；其余部分太长。</translation>
    </message>
    <message>
      <source>Only the last answer of a conversation can be continued.</source>
      <translation>只能继续对话中的最后一个回答。</translation>
    </message>
    <message>
      <source>Only the program of the shop it comes from can open it.</source>
      <translation>只有售出它的商店的程序才能打开它。</translation>
    </message>
    <message>
      <source>Only {percent} % of the text was used.</source>
      <translation>只用到了文本的 {percent} %。</translation>
    </message>
    <message>
      <source>Open a text, a web page, a PDF, or a file of Word, PowerPoint or Excel.</source>
      <translation>请打开文本、网页、PDF，或 Word、PowerPoint、Excel 文件。</translation>
    </message>
    <message>
      <source>Open it in a PDF viewer, save a copy without a password, and open that.</source>
      <translation>请在 PDF 阅读器中打开它，另存一份没有密码的副本，然后打开副本。</translation>
    </message>
    <message>
      <source>Open it in the program it was made with and save it as docx, xlsx, pptx or PDF.</source>
      <translation>请在制作它的程序中打开，并保存为 docx、xlsx、pptx 或 PDF。</translation>
    </message>
    <message>
      <source>Open it in the program it was made with, save a copy without a password, and open that.</source>
      <translation>请在制作它的程序中打开，另存一份没有密码的副本，然后打开副本。</translation>
    </message>
    <message>
      <source>Open it in the program it was made with, save it once more, and open that.</source>
      <translation>请在制作它的程序中打开，重新保存一次，然后再打开。</translation>
    </message>
    <message>
      <source>Open the model's page again and choose another file.</source>
      <translation>请重新打开该模型的页面，选择另一个文件。</translation>
    </message>
    <message>
      <source>Open the model's page again and choose the file anew.</source>
      <translation>请重新打开该模型的页面，再次选择该文件。</translation>
    </message>
    <message>
      <source>Pages that are pictures without text were left out: {pages}.</source>
      <translation>只有图片、没有文字的页已略过：{pages}。</translation>
    </message>
    <message>
      <source>Paste a text or open a file first.</source>
      <translation>请先粘贴文本或打开文件。</translation>
    </message>
    <message>
      <source>Paste or type a text.</source>
      <translation>请粘贴或输入文本。</translation>
    </message>
    <message>
      <source>Paste the address of a model's page, such as {hub}/publisher/name.</source>
      <translation>请粘贴模型页面的地址，例如 {hub}/publisher/name。</translation>
    </message>
    <message>
      <source>Perhaps it was moved or renamed.</source>
      <translation>它可能已被移动或重命名。</translation>
    </message>
    <message>
      <source>Pull the model again in Ollama.</source>
      <translation>请在 Ollama 中重新拉取该模型。</translation>
    </message>
    <message>
      <source>Put fewer of its layers on the graphics card, or choose a smaller context.</source>
      <translation>请减少它放在显卡上的层数，或选择更小的上下文。</translation>
    </message>
    <message>
      <source>README lists what a window needs on each system; rolltop chat works without one.</source>
      <translation>README 列出了各系统显示窗口所需的组件；rolltop chat 不需要窗口。</translation>
    </message>
    <message>
      <source>Reading this file took longer than {seconds} seconds.</source>
      <translation>读取这个文件的时间超过了 {seconds} 秒。</translation>
    </message>
    <message>
      <source>Reading this file would take more than {size} MB of memory.</source>
      <translation>读取这个文件需要超过 {size} MB 的内存。</translation>
    </message>
    <message>
      <source>Reading was stopped.</source>
      <translation>读取已停止。</translation>
    </message>
    <message>
      <source>Remove the link, or choose another folder in the settings.</source>
      <translation>请移除该链接，或在设置中选择另一个文件夹。</translation>
    </message>
    <message>
      <source>Rename or delete that file in {folder}, then try again.</source>
      <translation>请重命名或删除 {folder} 中的那个文件，然后重试。</translation>
    </message>
    <message>
      <source>Restart it, or choose a smaller context or another model.</source>
      <translation>请重新启动它，或选择更小的上下文或另一个模型。</translation>
    </message>
    <message>
      <source>Restart it.</source>
      <translation>请重新启动它。</translation>
    </message>
    <message>
      <source>Rolltop cannot write models in {type}.</source>
      <translation>Rolltop 不能以 {type} 类型写入模型。</translation>
    </message>
    <message>
      <source>Rolltop is offline.</source>
      <translation>Rolltop 处于离线状态。</translation>
    </message>
    <message>
      <source>Save a copy without a password, and open that.</source>
      <translation>请另存一份没有密码的副本，然后打开副本。</translation>
    </message>
    <message>
      <source>Say what is to be done with the text.</source>
      <translation>请说明要对文本做什么。</translation>
    </message>
    <message>
      <source>Slides that are pictures without text were left out: {pages}.</source>
      <translation>只有图片、没有文字的幻灯片已略过：{pages}。</translation>
    </message>
    <message>
      <source>Some bytes are no characters and are shown as �.</source>
      <translation>有些字节不是字符，显示为 �。</translation>
    </message>
    <message>
      <source>Some parts have no sentences that could be quoted, such as tables, code or text without punctuation.</source>
      <translation>有些部分没有可以引用的句子，例如表格、代码或没有标点的文本。</translation>
    </message>
    <message>
      <source>Something unexpected went wrong ({kind}).</source>
      <translation>发生了意外错误（{kind}）。</translation>
    </message>
    <message>
      <source>Split it into smaller pieces.</source>
      <translation>请把它分成更小的部分。</translation>
    </message>
    <message>
      <source>Start Rolltop again: it sets the file aside and saves what can be read.</source>
      <translation>请重新启动 Rolltop：它会把该文件放到一边，并保存能读出的内容。</translation>
    </message>
    <message>
      <source>Start from the same model in F16, BF16 or Q8_0.</source>
      <translation>请从同一模型的 F16、BF16 或 Q8_0 文件开始。</translation>
    </message>
    <message>
      <source>Switch offline mode off in the settings to use the network.</source>
      <translation>要使用网络，请在设置中关闭离线模式。</translation>
    </message>
    <message>
      <source>The JSON schema cannot be used: {reason}</source>
      <translation>无法使用这个 JSON 模式：{reason}</translation>
    </message>
    <message>
      <source>The address of the hub is not a web address: {endpoint}.</source>
      <translation>模型中心的地址不是网址：{endpoint}。</translation>
    </message>
    <message>
      <source>The answer does not have the lines of the text.</source>
      <translation>回答的行与文本的行不一致。</translation>
    </message>
    <message>
      <source>The answer got too long and was cut off.</source>
      <translation>回答太长，已被截断。</translation>
    </message>
    <message>
      <source>The answer is in {found} instead of {wanted}.</source>
      <translation>回答使用的语言是 {found}，而不是 {wanted}。</translation>
    </message>
    <message>
      <source>The answer is much longer than it should be.</source>
      <translation>回答比应有的长度长得多。</translation>
    </message>
    <message>
      <source>The answer is much shorter than it should be.</source>
      <translation>回答比应有的长度短得多。</translation>
    </message>
    <message>
      <source>The answer of {host} makes no sense.</source>
      <translation>{host} 的回应没有意义。</translation>
    </message>
    <message>
      <source>The app is closing.</source>
      <translation>应用正在关闭。</translation>
    </message>
    <message>
      <source>The catalogue of models cannot be read.</source>
      <translation>无法读取模型目录。</translation>
    </message>
    <message>
      <source>The chat template of this model did not finish.</source>
      <translation>这个模型的对话模板没有运行完。</translation>
    </message>
    <message>
      <source>The code “{text}” is not in the result as it was.</source>
      <translation>结果中的代码“{text}”与原来不同。</translation>
    </message>
    <message>
      <source>The connection to the hub broke before everything had come.</source>
      <translation>与模型中心的连接在传输完成前中断了。</translation>
    </message>
    <message>
      <source>The damaged file is kept as {aside}. Delete it when you miss nothing.</source>
      <translation>损坏的文件保存为 {aside}。确认没有缺失后可将其删除。</translation>
    </message>
    <message>
      <source>The data folder {folder} cannot be written: {reason}</source>
      <translation>无法写入数据文件夹 {folder}：{reason}</translation>
    </message>
    <message>
      <source>The disk has too little room for the new model, which takes {size}.</source>
      <translation>磁盘空间不足以放下新模型，它需要 {size}。</translation>
    </message>
    <message>
      <source>The disk has too little room: {needed} are needed, {free} are free.</source>
      <translation>磁盘空间不足：需要 {needed}，可用 {free}。</translation>
    </message>
    <message>
      <source>The disk is full: nothing more can be saved in {folder}.</source>
      <translation>磁盘已满：无法再向 {folder} 保存内容。</translation>
    </message>
    <message>
      <source>The disk is full; what was fetched of {file} is kept.</source>
      <translation>磁盘已满；{file} 已下载的部分会保留。</translation>
    </message>
    <message>
      <source>The disk is full; {file} was not taken in.</source>
      <translation>磁盘已满；{file} 没有导入。</translation>
    </message>
    <message>
      <source>The download failed: {reason}.</source>
      <translation>下载失败：{reason}。</translation>
    </message>
    <message>
      <source>The download was stopped.</source>
      <translation>下载已停止。</translation>
    </message>
    <message>
      <source>The engine and the app are of different versions.</source>
      <translation>引擎与应用的版本不同。</translation>
    </message>
    <message>
      <source>The file cannot be opened: {reason}.</source>
      <translation>无法打开文件：{reason}。</translation>
    </message>
    <message>
      <source>The file cannot be stored, because of a name on the hub that is not safe here: {name}.</source>
      <translation>无法保存该文件，因为它在模型中心的名称在这里不安全：{name}。</translation>
    </message>
    <message>
      <source>The file could not be written: {reason}.</source>
      <translation>无法写入文件：{reason}。</translation>
    </message>
    <message>
      <source>The file is damaged and cannot be opened.</source>
      <translation>文件已损坏，无法打开。</translation>
    </message>
    <message>
      <source>The file is damaged, or of a kind that cannot be read.</source>
      <translation>文件已损坏，或属于无法读取的类型。</translation>
    </message>
    <message>
      <source>The file is empty.</source>
      <translation>文件是空的。</translation>
    </message>
    <message>
      <source>The file is larger than {size} MB.</source>
      <translation>文件大于 {size} MB。</translation>
    </message>
    <message>
      <source>The file is not there.</source>
      <translation>文件不存在。</translation>
    </message>
    <message>
      <source>The folder {folder} cannot be read: {reason}.</source>
      <translation>无法读取文件夹 {folder}：{reason}。</translation>
    </message>
    <message>
      <source>The folder {place} leads out of the models folder.</source>
      <translation>文件夹 {place} 指向模型文件夹之外。</translation>
    </message>
    <message>
      <source>The grammar has an error.</source>
      <translation>语法有错误。</translation>
    </message>
    <message>
      <source>The grammar leaves no token that may come next.</source>
      <translation>按照语法，没有词元可以接在后面。</translation>
    </message>
    <message>
      <source>The history could not be read or written: {reason}</source>
      <translation>无法读取或写入历史记录：{reason}</translation>
    </message>
    <message>
      <source>The history file is damaged: {reason}</source>
      <translation>历史记录文件已损坏：{reason}</translation>
    </message>
    <message>
      <source>The history file was damaged. It was restored from the backup of {date}; newer messages saved from the damaged file: {saved}.</source>
      <translation>历史记录文件已损坏，已从 {date} 的备份恢复；从损坏文件中保存的较新消息：{saved} 条。</translation>
    </message>
    <message>
      <source>The history file was damaged. Messages saved from it: {saved}.</source>
      <translation>历史记录文件已损坏。从中保存的消息：{saved} 条。</translation>
    </message>
    <message>
      <source>The history file was damaged: this is what was left of a run.</source>
      <translation>历史记录文件曾损坏：这是一个任务残留的内容。</translation>
    </message>
    <message>
      <source>The history in {path} was made by a newer version of Rolltop. It can be read but not changed.</source>
      <translation>{path} 中的历史记录由更新版本的 Rolltop 创建。可以阅读，但不能修改。</translation>
    </message>
    <message>
      <source>The history is in use by another program.</source>
      <translation>历史记录正被另一个程序使用。</translation>
    </message>
    <message>
      <source>The hub asks for a pause of {seconds} seconds.</source>
      <translation>模型中心要求暂停 {seconds} 秒。</translation>
    </message>
    <message>
      <source>The hub cannot answer at the moment (status {status}).</source>
      <translation>模型中心目前无法回应（状态 {status}）。</translation>
    </message>
    <message>
      <source>The hub cannot answer at the moment ({host}, {status}).</source>
      <translation>模型中心目前无法回应（{host}，{status}）。</translation>
    </message>
    <message>
      <source>The hub cannot be reached: {reason}.</source>
      <translation>无法连接模型中心：{reason}。</translation>
    </message>
    <message>
      <source>The hub does not accept your token.</source>
      <translation>模型中心不接受你的访问令牌。</translation>
    </message>
    <message>
      <source>The hub has fallen silent.</source>
      <translation>模型中心没有回应了。</translation>
    </message>
    <message>
      <source>The hub has had too many requests and asks for a pause.</source>
      <translation>模型中心收到的请求过多，要求暂停一会儿。</translation>
    </message>
    <message>
      <source>The hub refuses to give {path} of {repo} (status {status}).</source>
      <translation>模型中心拒绝提供 {repo} 中的 {path}（状态 {status}）。</translation>
    </message>
    <message>
      <source>The hub refuses to give {repo} ({status}).</source>
      <translation>模型中心拒绝提供 {repo}（{status}）。</translation>
    </message>
    <message>
      <source>The hub sent another part of the file than was asked for.</source>
      <translation>模型中心发来的不是所请求的那部分文件。</translation>
    </message>
    <message>
      <source>The hub sent the app from one address to the next, without an end.</source>
      <translation>模型中心不断让应用转到另一个地址，没有尽头。</translation>
    </message>
    <message>
      <source>The hub sent the app on to an address without encryption: {host}.</source>
      <translation>模型中心让应用转到了未加密的地址：{host}。</translation>
    </message>
    <message>
      <source>The library has: {models}.</source>
      <translation>模型库中有：{models}。</translation>
    </message>
    <message>
      <source>The line to {host} broke.</source>
      <translation>与 {host} 的连接中断了。</translation>
    </message>
    <message>
      <source>The link “{text}” is not in the result.</source>
      <translation>结果中没有链接“{text}”。</translation>
    </message>
    <message>
      <source>The model added words of its own: “{words}”</source>
      <translation>模型添加了自己的话：“{words}”</translation>
    </message>
    <message>
      <source>The model cannot be run with these settings: {reason}</source>
      <translation>无法用这些设置运行模型：{reason}</translation>
    </message>
    <message>
      <source>The model changed nothing in this paragraph.</source>
      <translation>模型没有改动这一段。</translation>
    </message>
    <message>
      <source>The model chose no sentence.</source>
      <translation>模型没有选出句子。</translation>
    </message>
    <message>
      <source>The model could not be converted: {reason}</source>
      <translation>无法转换模型：{reason}</translation>
    </message>
    <message>
      <source>The model could not be loaded: {reason}</source>
      <translation>无法加载模型：{reason}</translation>
    </message>
    <message>
      <source>The model could not embed the text.</source>
      <translation>模型无法为这段文本生成嵌入向量。</translation>
    </message>
    <message>
      <source>The model could not evaluate its own answer again.</source>
      <translation>模型无法再次处理自己的回答。</translation>
    </message>
    <message>
      <source>The model could not evaluate the text (llama.cpp error {status}).</source>
      <translation>模型无法处理这段文本（llama.cpp 错误 {status}）。</translation>
    </message>
    <message>
      <source>The model gave no text.</source>
      <translation>模型没有给出文本。</translation>
    </message>
    <message>
      <source>The model gave nothing that could be used.</source>
      <translation>模型没有给出可用的内容。</translation>
    </message>
    <message>
      <source>The model has no token {token}.</source>
      <translation>模型没有词元 {token}。</translation>
    </message>
    <message>
      <source>The model needs {needed} of memory, and {available} is free.</source>
      <translation>模型需要 {needed} 内存，可用 {available}。</translation>
    </message>
    <message>
      <source>The model needs {needed} of the memory of {device}, and {available} is free.</source>
      <translation>模型需要 {device} 的 {needed} 内存，可用 {available}。</translation>
    </message>
    <message>
      <source>The model refused: “{words}”</source>
      <translation>模型拒绝了：“{words}”</translation>
    </message>
    <message>
      <source>The model repeated its instruction: “{words}”</source>
      <translation>模型重复了给它的指令：“{words}”</translation>
    </message>
    <message>
      <source>The model repeated itself without end.</source>
      <translation>模型不停地重复自己的话。</translation>
    </message>
    <message>
      <source>The model repeated the text instead of translating it.</source>
      <translation>模型重复了文本，没有翻译。</translation>
    </message>
    <message>
      <source>The model stopped working ({reason}).</source>
      <translation>模型停止工作了（{reason}）。</translation>
    </message>
    <message>
      <source>The model stopped working because memory ran out.</source>
      <translation>内存用尽，模型停止工作了。</translation>
    </message>
    <message>
      <source>The model stopped working.</source>
      <translation>模型停止工作了。</translation>
    </message>
    <message>
      <source>The model that comes with Rolltop is missing.</source>
      <translation>Rolltop 自带的模型不见了。</translation>
    </message>
    <message>
      <source>The model was unloaded.</source>
      <translation>模型已卸载。</translation>
    </message>
    <message>
      <source>The model wrote something else than the text says.</source>
      <translation>模型写出的内容与文本不符。</translation>
    </message>
    <message>
      <source>The model's chat template cannot be used: {reason}</source>
      <translation>无法使用模型的对话模板：{reason}</translation>
    </message>
    <message>
      <source>The model's process could not be started: {reason}</source>
      <translation>无法启动模型的进程：{reason}</translation>
    </message>
    <message>
      <source>The name “{text}” is not in the result.</source>
      <translation>结果中没有名称“{text}”。</translation>
    </message>
    <message>
      <source>The number “{text}” is not in the result.</source>
      <translation>结果中没有数字“{text}”。</translation>
    </message>
    <message>
      <source>The program that reads files could not be started: {reason}.</source>
      <translation>无法启动读取文件的程序：{reason}。</translation>
    </message>
    <message>
      <source>The prompt has tokens that this model does not know.</source>
      <translation>提示词中有这个模型不认识的词元。</translation>
    </message>
    <message>
      <source>The prompt is empty.</source>
      <translation>提示词是空的。</translation>
    </message>
    <message>
      <source>The prompt is longer than the context.</source>
      <translation>提示词比上下文长。</translation>
    </message>
    <message>
      <source>The protected term “{text}” is not in the result.</source>
      <translation>结果中没有要保留的词语“{text}”。</translation>
    </message>
    <message>
      <source>The proxy cannot be used: {reason}.</source>
      <translation>无法使用代理：{reason}。</translation>
    </message>
    <message>
      <source>The proxy does not let the app through to {host}.</source>
      <translation>代理不允许应用连接 {host}。</translation>
    </message>
    <message>
      <source>The results for some parts could not be merged; they stand one after another.</source>
      <translation>有些部分的结果无法合并，因此依次列出。</translation>
    </message>
    <message>
      <source>The script has no answer left.</source>
      <translation>脚本中没有更多回答了。</translation>
    </message>
    <message>
      <source>The strength of {file} is not a number.</source>
      <translation>{file} 的强度不是数字。</translation>
    </message>
    <message>
      <source>The text does not say how it is encoded; it was read as {encoding}.</source>
      <translation>文本没有说明编码，已按 {encoding} 读取。</translation>
    </message>
    <message>
      <source>The text has nothing of this kind.</source>
      <translation>文本中没有这类内容。</translation>
    </message>
    <message>
      <source>The text has {tokens} tokens, the context holds {context_size}.</source>
      <translation>文本有 {tokens} 个词元，上下文只能容纳 {context_size} 个。</translation>
    </message>
    <message>
      <source>The text has {tokens} tokens, the embedding model reads at most {limit}.</source>
      <translation>文本有 {tokens} 个词元，这个嵌入模型最多读取 {limit} 个。</translation>
    </message>
    <message>
      <source>The token has characters that no token has.</source>
      <translation>访问令牌中有不该出现的字符。</translation>
    </message>
    <message>
      <source>The trash is empty, but another program is reading the history and traces may remain.</source>
      <translation>废纸篓已清空，但另一个程序正在读取历史记录，可能还留有痕迹。</translation>
    </message>
    <message>
      <source>The window cannot be opened: {reason}.</source>
      <translation>无法打开窗口：{reason}。</translation>
    </message>
    <message>
      <source>The written model is not the same as its source.</source>
      <translation>写出的模型与来源不一致。</translation>
    </message>
    <message>
      <source>There is a file {file} already.</source>
      <translation>已有文件 {file}。</translation>
    </message>
    <message>
      <source>There is another file {file} in the folder already.</source>
      <translation>文件夹中已有另一个文件 {file}。</translation>
    </message>
    <message>
      <source>There is no conversation yet, and none can be begun: the history is read only.</source>
      <translation>还没有对话，也无法开始新的对话：历史记录是只读的。</translation>
    </message>
    <message>
      <source>There is no file {path}.</source>
      <translation>没有文件 {path}。</translation>
    </message>
    <message>
      <source>There is no folder {folder}.</source>
      <translation>没有文件夹 {folder}。</translation>
    </message>
    <message>
      <source>There is no instruction yet.</source>
      <translation>还没有指令。</translation>
    </message>
    <message>
      <source>There is no message to answer.</source>
      <translation>没有可以回答的消息。</translation>
    </message>
    <message>
      <source>There is no model {model} in the library.</source>
      <translation>模型库中没有模型 {model}。</translation>
    </message>
    <message>
      <source>There is no model {repo} on the hub, or it is private.</source>
      <translation>模型中心没有模型 {repo}，或者它是私有的。</translation>
    </message>
    <message>
      <source>There is no run that could go on.</source>
      <translation>没有可以继续的任务。</translation>
    </message>
    <message>
      <source>There is no such token in this model.</source>
      <translation>这个模型中没有这样的词元。</translation>
    </message>
    <message>
      <source>There is no text in this conversation.</source>
      <translation>这个对话中没有文本。</translation>
    </message>
    <message>
      <source>There is no text in this file.</source>
      <translation>这个文件中没有文本。</translation>
    </message>
    <message>
      <source>There is no text to summarize.</source>
      <translation>没有可以生成摘要的文本。</translation>
    </message>
    <message>
      <source>There is no text yet.</source>
      <translation>还没有文本。</translation>
    </message>
    <message>
      <source>There is no text.</source>
      <translation>没有文本。</translation>
    </message>
    <message>
      <source>There is no token.</source>
      <translation>没有访问令牌。</translation>
    </message>
    <message>
      <source>There is no {repo} on the hub, or it is private.</source>
      <translation>模型中心没有 {repo}，或者它是私有的。</translation>
    </message>
    <message>
      <source>There is not enough memory for a context of {size} tokens.</source>
      <translation>内存不足以容纳 {size} 个词元的上下文。</translation>
    </message>
    <message>
      <source>There is not enough memory for the adapter {file}.</source>
      <translation>内存不足以使用适配器 {file}。</translation>
    </message>
    <message>
      <source>There is not enough memory for the weights of this model.</source>
      <translation>内存不足以容纳这个模型的权重。</translation>
    </message>
    <message>
      <source>There is not enough memory for this model.</source>
      <translation>内存不足以运行这个模型。</translation>
    </message>
    <message>
      <source>There is not enough memory to embed {tokens} tokens.</source>
      <translation>内存不足以处理 {tokens} 个词元的嵌入。</translation>
    </message>
    <message>
      <source>There is nothing in the text that this task would change.</source>
      <translation>文本中没有这种改写方式会改动的内容。</translation>
    </message>
    <message>
      <source>There is nothing to send.</source>
      <translation>没有可以发送的内容。</translation>
    </message>
    <message>
      <source>This PDF has pictures of pages and no text.</source>
      <translation>这个 PDF 只有页面图片，没有文字。</translation>
    </message>
    <message>
      <source>This PDF is damaged and cannot be opened.</source>
      <translation>这个 PDF 已损坏，无法打开。</translation>
    </message>
    <message>
      <source>This PDF is protected by a password.</source>
      <translation>这个 PDF 有密码保护。</translation>
    </message>
    <message>
      <source>This build of llama.cpp knows no graphics cards, so models run on the processor.</source>
      <translation>这个 llama.cpp 版本不支持显卡，因此模型在处理器上运行。</translation>
    </message>
    <message>
      <source>This conversation is no longer there.</source>
      <translation>这个对话已不存在。</translation>
    </message>
    <message>
      <source>This disk cannot hold a file as large as {file}.</source>
      <translation>这个磁盘不能存放 {file} 这么大的文件。</translation>
    </message>
    <message>
      <source>This does not fit: the prompt has {tokens} tokens, and the context holds {context_size}, of which {reserve} are kept for the answer.</source>
      <translation>放不下：提示词有 {tokens} 个词元，而上下文只能容纳 {context_size} 个，其中 {reserve} 个留给回答。</translation>
    </message>
    <message>
      <source>This download is not in the queue any more.</source>
      <translation>这个下载已不在队列中。</translation>
    </message>
    <message>
      <source>This e-book is copy-protected.</source>
      <translation>这本电子书有版权保护。</translation>
    </message>
    <message>
      <source>This file does not say how large its model is.</source>
      <translation>这个文件没有说明模型有多大。</translation>
    </message>
    <message>
      <source>This file is a picture, not a text.</source>
      <translation>这个文件是图片，不是文本。</translation>
    </message>
    <message>
      <source>This file is an archive of other files.</source>
      <translation>这个文件是其他文件的压缩包。</translation>
    </message>
    <message>
      <source>This file is not a text.</source>
      <translation>这个文件不是文本。</translation>
    </message>
    <message>
      <source>This file is protected by a password.</source>
      <translation>这个文件有密码保护。</translation>
    </message>
    <message>
      <source>This file would unpack to far more than it seems, or it is built to do harm; it was not opened.</source>
      <translation>这个文件解压后会比看上去大得多，或是为造成损害而制作的，因此没有打开。</translation>
    </message>
    <message>
      <source>This is a file of a kind that cannot be read ({kind}).</source>
      <translation>这是无法读取的文件类型（{kind}）。</translation>
    </message>
    <message>
      <source>This is a folder.</source>
      <translation>这是一个文件夹。</translation>
    </message>
    <message>
      <source>This is a link that leads to itself.</source>
      <translation>这是一个指向自身的链接。</translation>
    </message>
    <message>
      <source>This is being worked on already.</source>
      <translation>已在处理。</translation>
    </message>
    <message>
      <source>This is no address of a model: {address}.</source>
      <translation>这不是模型的地址：{address}。</translation>
    </message>
    <message>
      <source>This is no page of a model on the hub: {address}.</source>
      <translation>这不是模型中心的模型页面：{address}。</translation>
    </message>
    <message>
      <source>This is not a file but a device or a pipe.</source>
      <translation>这不是文件，而是设备或管道。</translation>
    </message>
    <message>
      <source>This is not an access token.</source>
      <translation>这不是访问令牌。</translation>
    </message>
    <message>
      <source>This message is no longer there.</source>
      <translation>这条消息已不存在。</translation>
    </message>
    <message>
      <source>This model makes embeddings, it cannot answer.</source>
      <translation>这个模型生成嵌入向量，不能回答。</translation>
    </message>
    <message>
      <source>This model makes embeddings, it takes no adapters.</source>
      <translation>这个模型生成嵌入向量，不能使用适配器。</translation>
    </message>
    <message>
      <source>This model stopped working twice with these settings, so it is not started a third time.</source>
      <translation>这个模型在这些设置下已两次停止工作，因此不再第三次启动。</translation>
    </message>
    <message>
      <source>This model translates from an encoder, which Rolltop cannot run yet.</source>
      <translation>这个模型需要从编码器翻译，Rolltop 目前还不能运行。</translation>
    </message>
    <message>
      <source>This paragraph was left as it was.</source>
      <translation>这一段保持原样。</translation>
    </message>
    <message>
      <source>This paragraph was not reached.</source>
      <translation>还没有处理到这一段。</translation>
    </message>
    <message>
      <source>This part does not fit into the model's context with room for an answer.</source>
      <translation>这一部分放进模型的上下文后，就没有空间留给回答。</translation>
    </message>
    <message>
      <source>This prompt is no longer there.</source>
      <translation>这个指令已不存在。</translation>
    </message>
    <message>
      <source>This run is no longer there.</source>
      <translation>这个任务已不存在。</translation>
    </message>
    <message>
      <source>This run is of another kind.</source>
      <translation>这个任务属于另一种类型。</translation>
    </message>
    <message>
      <source>This run may be worked on by another Rolltop that is open.</source>
      <translation>这个任务可能正由另一个打开的 Rolltop 处理。</translation>
    </message>
    <message>
      <source>This setting cannot have that value: {key}.</source>
      <translation>这个设置不能取这个值：{key}。</translation>
    </message>
    <message>
      <source>This setting must be at least {limit}.</source>
      <translation>这个设置至少为 {limit}。</translation>
    </message>
    <message>
      <source>This setting must be at most {limit}.</source>
      <translation>这个设置至多为 {limit}。</translation>
    </message>
    <message>
      <source>This setting must be one of: {choices}.</source>
      <translation>这个设置必须是以下之一：{choices}。</translation>
    </message>
    <message>
      <source>This setting needs another kind of value.</source>
      <translation>这个设置需要另一种类型的值。</translation>
    </message>
    <message>
      <source>This table was left as it was: it is too large.</source>
      <translation>这个表格保持原样：它太大了。</translation>
    </message>
    <message>
      <source>This was cancelled.</source>
      <translation>已取消。</translation>
    </message>
    <message>
      <source>Try again after it. With a token in the settings, the hub allows more.</source>
      <translation>请在此之后重试。在设置中填入访问令牌后，模型中心允许更多请求。</translation>
    </message>
    <message>
      <source>Try again in some minutes; with a token in the settings the hub allows more.</source>
      <translation>请过几分钟再试；在设置中填入访问令牌后，模型中心允许更多请求。</translation>
    </message>
    <message>
      <source>Try again later, or use a mirror.</source>
      <translation>请稍后重试，或使用镜像站。</translation>
    </message>
    <message>
      <source>Try again later, or use another mirror.</source>
      <translation>请稍后重试，或使用另一个镜像站。</translation>
    </message>
    <message>
      <source>Try again later, or use another mirror; what has come is kept.</source>
      <translation>请稍后重试，或使用另一个镜像站；已下载的内容会保留。</translation>
    </message>
    <message>
      <source>Try again later. If it is a mirror, check its address in the settings.</source>
      <translation>请稍后重试。如果它是镜像站，请检查设置中的地址。</translation>
    </message>
    <message>
      <source>Try again later; what has come is kept. Some networks ask for a sign-in in the browser first.</source>
      <translation>请稍后重试；已下载的内容会保留。有些网络需要先在浏览器中登录。</translation>
    </message>
    <message>
      <source>Try again, or use a mirror.</source>
      <translation>请重试，或使用镜像站。</translation>
    </message>
    <message>
      <source>Try again.</source>
      <translation>请重试。</translation>
    </message>
    <message>
      <source>Try again. If it stays so, start Rolltop again.</source>
      <translation>请重试。如果仍然如此，请重新启动 Rolltop。</translation>
    </message>
    <message>
      <source>Try again; when it happens again, use another mirror or another network.</source>
      <translation>请重试；如果再次发生，请使用另一个镜像站或另一个网络。</translation>
    </message>
    <message>
      <source>Try another model, or download this one again.</source>
      <translation>请换一个模型，或重新下载这个模型。</translation>
    </message>
    <message>
      <source>Unpack it and open what is in it.</source>
      <translation>请解压后打开其中的内容。</translation>
    </message>
    <message>
      <source>Update the app, or choose another file of the same model.</source>
      <translation>请更新应用，或选择同一模型的另一个文件。</translation>
    </message>
    <message>
      <source>Use fewer adapters, or a smaller context.</source>
      <translation>请使用更少的适配器，或更小的上下文。</translation>
    </message>
    <message>
      <source>Wait for it, or stop it first.</source>
      <translation>请等它完成，或先停止它。</translation>
    </message>
    <message>
      <source>Wait until that is done. If it was stopped just now, try again in a minute.</source>
      <translation>请等它完成。如果它刚刚被停止，请过一分钟再试。</translation>
    </message>
    <message>
      <source>Wait until the other download has ended, or stop it.</source>
      <translation>请等另一个下载结束，或将其停止。</translation>
    </message>
    <message>
      <source>Wait until the other program has written it, then try again.</source>
      <translation>请等另一个程序写完，然后重试。</translation>
    </message>
    <message>
      <source>Write a message first.</source>
      <translation>请先写消息。</translation>
    </message>
    <message>
      <source>Write what is to be done with the text.</source>
      <translation>请写出要对文本做什么。</translation>
    </message>
    <message>
      <source>You may not read this file.</source>
      <translation>你没有读取这个文件的权限。</translation>
    </message>
    <message>
      <source>Your account has no access to {repo} yet.</source>
      <translation>你的账户还没有 {repo} 的访问权限。</translation>
    </message>
    <message>
      <source>Your work is kept. Copy the report if you want to tell us.</source>
      <translation>你的工作已保留。如果愿意告诉我们，请复制报告。</translation>
    </message>
    <message>
      <source>it is too long</source>
      <translation>它太长了</translation>
    </message>
    <message>
      <source>it leaves out the message</source>
      <translation>它遗漏了消息</translation>
    </message>
    <message>
      <source>llama.cpp cannot do that yet: choose another adapter.</source>
      <translation>llama.cpp 目前还不能这样做：请选择另一个适配器。</translation>
    </message>
    <message>
      <source>llama.cpp could not be asked about this computer: {reason}</source>
      <translation>无法向 llama.cpp 查询这台电脑的信息：{reason}</translation>
    </message>
    <message>
      <source>llama.cpp found no graphics card that it can use, so models run on the processor.</source>
      <translation>llama.cpp 没有找到可用的显卡，因此模型在处理器上运行。</translation>
    </message>
    <message>
      <source>rolltop {task} --resume {id} goes on with it.</source>
      <translation>可用 rolltop {task} --resume {id} 继续。</translation>
    </message>
    <message>
      <source>the messages leave no character free</source>
      <translation>消息没有留下可用的字符</translation>
    </message>
    <message>
      <source>{count} of {total} paragraphs could not be rewritten and were left as they were.</source>
      <translation>{total} 段中有 {count} 段无法改写，保持原样。</translation>
    </message>
    <message>
      <source>{count} of {total} paragraphs were not reached and are as they were.</source>
      <translation>{total} 段中有 {count} 段没有处理到，保持原样。</translation>
    </message>
    <message>
      <source>{count} tables were left as they were.</source>
      <translation>{count} 个表格保持原样。</translation>
    </message>
    <message>
      <source>{failed} of {parts} parts of the text could not be summarized and are missing from the result.</source>
      <translation>文本的 {parts} 个部分中有 {failed} 个无法生成摘要，结果中没有这些内容。</translation>
    </message>
    <message>
      <source>{file} cannot be deleted: {reason}.</source>
      <translation>无法删除 {file}：{reason}。</translation>
    </message>
    <message>
      <source>{file} cannot be linked: {reason}.</source>
      <translation>无法链接 {file}：{reason}。</translation>
    </message>
    <message>
      <source>{file} cannot be moved to the trash: {reason}.</source>
      <translation>无法把 {file} 移到废纸篓：{reason}。</translation>
    </message>
    <message>
      <source>{file} cannot be put on this model: {reason}</source>
      <translation>无法把 {file} 用在这个模型上：{reason}</translation>
    </message>
    <message>
      <source>{file} cannot be read: {reason}.</source>
      <translation>无法读取 {file}：{reason}。</translation>
    </message>
    <message>
      <source>{file} cannot be taken into the models folder: {reason}.</source>
      <translation>无法把 {file} 导入模型文件夹：{reason}。</translation>
    </message>
    <message>
      <source>{file} cannot be written: {reason}.</source>
      <translation>无法写入 {file}：{reason}。</translation>
    </message>
    <message>
      <source>{file} changes the embeddings of the words, which this model uses a second time for its output.</source>
      <translation>{file} 会改变词嵌入，而这个模型在输出时还会再次用到它。</translation>
    </message>
    <message>
      <source>{file} claims {total} parts.</source>
      <translation>{file} 声称有 {total} 个分卷。</translation>
    </message>
    <message>
      <source>{file} could not be written: {reason}.</source>
      <translation>无法写入 {file}：{reason}。</translation>
    </message>
    <message>
      <source>{file} holds measurements for making models smaller, not a language model.</source>
      <translation>{file} 保存的是用于缩小模型的测量数据，不是语言模型。</translation>
    </message>
    <message>
      <source>{file} holds no weights.</source>
      <translation>{file} 不含权重。</translation>
    </message>
    <message>
      <source>{file} is a folder, not a GGUF model.</source>
      <translation>{file} 是文件夹，不是 GGUF 模型。</translation>
    </message>
    <message>
      <source>{file} is a link, which cannot be moved.</source>
      <translation>{file} 是链接，不能移动。</translation>
    </message>
    <message>
      <source>{file} is a small text file that was saved in place of the model.</source>
      <translation>{file} 是被误存为模型的小文本文件。</translation>
    </message>
    <message>
      <source>{file} is an adapter for another model, not a language model.</source>
      <translation>{file} 是另一个模型的适配器，不是语言模型。</translation>
    </message>
    <message>
      <source>{file} is an adapter for {theirs} models, this model is of the kind {ours}.</source>
      <translation>{file} 是用于 {theirs} 模型的适配器，而这个模型属于 {ours}。</translation>
    </message>
    <message>
      <source>{file} is an adapter that waits for certain words, which Rolltop cannot use yet.</source>
      <translation>{file} 是等待特定触发词的适配器，Rolltop 目前还不能使用。</translation>
    </message>
    <message>
      <source>{file} is being downloaded already.</source>
      <translation>{file} 已在下载。</translation>
    </message>
    <message>
      <source>{file} is being taken in already.</source>
      <translation>{file} 已在导入。</translation>
    </message>
    <message>
      <source>{file} is cut short: its header promises {promised} bytes, the file has {size}.</source>
      <translation>{file} 不完整：文件头标明 {promised} 字节，实际只有 {size}。</translation>
    </message>
    <message>
      <source>{file} is damaged: its header makes no sense.</source>
      <translation>{file} 已损坏：文件头没有意义。</translation>
    </message>
    <message>
      <source>{file} is empty.</source>
      <translation>{file} 是空的。</translation>
    </message>
    <message>
      <source>{file} is in an older format than GGUF, which no longer runs.</source>
      <translation>{file} 是比 GGUF 更旧的格式，已无法运行。</translation>
    </message>
    <message>
      <source>{file} is in the first version of GGUF, which no longer runs.</source>
      <translation>{file} 是第一版 GGUF，已无法运行。</translation>
    </message>
    <message>
      <source>{file} is in version {version} of GGUF, which is newer than this app.</source>
      <translation>{file} 是第 {version} 版 GGUF，比这个应用更新。</translation>
    </message>
    <message>
      <source>{file} is not a GGUF model.</source>
      <translation>{file} 不是 GGUF 模型。</translation>
    </message>
    <message>
      <source>{file} is not a LoRA adapter.</source>
      <translation>{file} 不是 LoRA 适配器。</translation>
    </message>
    <message>
      <source>{file} is not a language model.</source>
      <translation>{file} 不是语言模型。</translation>
    </message>
    <message>
      <source>{file} is not a language model: it has no tokenizer.</source>
      <translation>{file} 不是语言模型：它没有分词器。</translation>
    </message>
    <message>
      <source>{file} is one of {total} parts, and its name does not say which.</source>
      <translation>{file} 是 {total} 个分卷之一，但名称没有说明是哪一个。</translation>
    </message>
    <message>
      <source>{file} is one of {total} parts, and {missing} is missing.</source>
      <translation>{file} 是 {total} 个分卷之一，缺少 {missing}。</translation>
    </message>
    <message>
      <source>{file} is quantized already ({quantization}); made smaller again it would lose too much.</source>
      <translation>{file} 已经量化（{quantization}）；再次缩小会损失过多质量。</translation>
    </message>
    <message>
      <source>{file} is the image part of another model, not a language model.</source>
      <translation>{file} 是另一个模型的图像部分，不是语言模型。</translation>
    </message>
    <message>
      <source>{file} may not be read.</source>
      <translation>没有权限读取 {file}。</translation>
    </message>
    <message>
      <source>{file} was changed while it was copied.</source>
      <translation>{file} 在复制过程中被修改了。</translation>
    </message>
    <message>
      <source>{file} was made for computers that store numbers the other way round.</source>
      <translation>{file} 是为字节顺序相反的电脑制作的。</translation>
    </message>
    <message>
      <source>{file} was not made for this model: its parts have other shapes.</source>
      <translation>{file} 不是为这个模型制作的：各部分的形状不同。</translation>
    </message>
    <message>
      <source>{folder} holds more than {limit} files; the rest was not looked at.</source>
      <translation>{folder} 中的文件多于 {limit} 个；其余的没有查看。</translation>
    </message>
    <message>
      <source>{folder} is not one of your folders.</source>
      <translation>{folder} 不在你的文件夹之列。</translation>
    </message>
    <message>
      <source>{host} cannot be reached.</source>
      <translation>无法连接 {host}。</translation>
    </message>
    <message>
      <source>{host} cannot prove that it is the hub: its certificate is not good.</source>
      <translation>{host} 无法证明自己是模型中心：它的证书无效。</translation>
    </message>
    <message>
      <source>{host} takes too long to answer.</source>
      <translation>{host} 太久没有回应。</translation>
    </message>
    <message>
      <source>{model} is a part of Rolltop and cannot be deleted.</source>
      <translation>{model} 是 Rolltop 的一部分，不能删除。</translation>
    </message>
    <message>
      <source>{model} lies in a folder of {app}, which Rolltop only reads.</source>
      <translation>{model} 位于 {app} 的文件夹中，Rolltop 对该文件夹只读不写。</translation>
    </message>
    <message>
      <source>{model} makes embeddings only; it cannot answer.</source>
      <translation>{model} 只生成嵌入向量，不能回答。</translation>
    </message>
    <message>
      <source>{path} arrived damaged, so it was deleted.</source>
      <translation>{path} 传输后已损坏，因此已将其删除。</translation>
    </message>
    <message>
      <source>{path} belongs to another program.</source>
      <translation>{path} 属于另一个程序。</translation>
    </message>
    <message>
      <source>{path} has changed on the hub since its page was opened.</source>
      <translation>打开页面之后，模型中心的 {path} 已有变化。</translation>
    </message>
    <message>
      <source>{repo} does not have this file, or not in this version.</source>
      <translation>{repo} 中没有这个文件，或这个版本中没有。</translation>
    </message>
    <message>
      <source>{repo} has more than one {wanted}.</source>
      <translation>{repo} 中有多个 {wanted}。</translation>
    </message>
    <message>
      <source>{repo} has no GGUF model.</source>
      <translation>{repo} 中没有 GGUF 模型。</translation>
    </message>
    <message>
      <source>{repo} has no file {path} any more.</source>
      <translation>{repo} 中已没有文件 {path}。</translation>
    </message>
    <message>
      <source>{repo} has no files that can be stored.</source>
      <translation>{repo} 中没有可以保存的文件。</translation>
    </message>
    <message>
      <source>{repo} has no {wanted}.</source>
      <translation>{repo} 中没有 {wanted}。</translation>
    </message>
    <message>
      <source>{repo} is for people who have agreed to its terms, and no token of an account is known.</source>
      <translation>{repo} 只提供给同意其条款的人，而目前没有账户的访问令牌。</translation>
    </message>
    <message>
      <source>{repo} is only for people whom its publisher has given access.</source>
      <translation>{repo} 只提供给获得发布者许可的人。</translation>
    </message>
    <message>
      <source>{text} is not a repository of the hub.</source>
      <translation>{text} 不是模型中心的仓库。</translation>
    </message>
    <message>
      <source>“{text}” was not translated as “{wanted}”.</source>
      <translation>“{text}”没有译成“{wanted}”。</translation>
    </message>
  </context>
  <context>
    <name>Facts</name>
    <message>
      <source>Rolltop</source>
      <translation>Rolltop</translation>
    </message>
    <message>
      <source>base</source>
      <translation>基础</translation>
    </message>
    <message>
      <source>chat</source>
      <translation>对话</translation>
    </message>
    <message>
      <source>code</source>
      <translation>代码</translation>
    </message>
    <message>
      <source>comes with Rolltop</source>
      <translation>Rolltop 自带</translation>
    </message>
    <message>
      <source>embedding</source>
      <translation>嵌入</translation>
    </message>
    <message>
      <source>fits</source>
      <translation>放得下</translation>
    </message>
    <message>
      <source>fits partly</source>
      <translation>部分放得下</translation>
    </message>
    <message>
      <source>many languages</source>
      <translation>多语言</translation>
    </message>
    <message>
      <source>reasoning</source>
      <translation>推理</translation>
    </message>
    <message>
      <source>reranking</source>
      <translation>重排序</translation>
    </message>
    <message>
      <source>thinking</source>
      <translation>思考</translation>
    </message>
    <message>
      <source>today</source>
      <translation>今天</translation>
    </message>
    <message>
      <source>too big</source>
      <translation>太大</translation>
    </message>
    <message>
      <source>tools</source>
      <translation>工具</translation>
    </message>
    <message>
      <source>vision</source>
      <translation>视觉</translation>
    </message>
    <message>
      <source>yesterday</source>
      <translation>昨天</translation>
    </message>
    <message>
      <source>your folder</source>
      <translation>你的文件夹</translation>
    </message>
    <message>
      <source>{n} h</source>
      <translation>{n} 小时</translation>
    </message>
    <message>
      <source>{n} min</source>
      <translation>{n} 分钟</translation>
    </message>
    <message>
      <source>{n} s</source>
      <translation>{n} 秒</translation>
    </message>
    <message>
      <source>{size} a second</source>
      <translation>{size}/秒</translation>
    </message>
  </context>
  <context>
    <name>Hardware</name>
    <message>
      <source>Backends: {names}</source>
      <translation>后端：{names}</translation>
    </message>
    <message>
      <source>Look again</source>
      <translation>重新查看</translation>
    </message>
    <message>
      <source>Looking…</source>
      <translation>正在查看…</translation>
    </message>
    <message>
      <source>Memory in use</source>
      <translation>已用内存</translation>
    </message>
    <message>
      <source>Processor features in use: {names}</source>
      <translation>使用的处理器特性：{names}</translation>
    </message>
    <message>
      <source>Versions</source>
      <translation>版本</translation>
    </message>
    <message>
      <source>What the drivers said</source>
      <translation>驱动程序的消息</translation>
    </message>
    <message>
      <source>Why no graphics card is used</source>
      <translation>为什么没有使用显卡</translation>
    </message>
    <message>
      <source>accelerator</source>
      <translation>加速器</translation>
    </message>
    <message>
      <source>graphics card</source>
      <translation>显卡</translation>
    </message>
    <message>
      <source>graphics of the processor</source>
      <translation>集成显卡</translation>
    </message>
    <message>
      <source>processor</source>
      <translation>处理器</translation>
    </message>
  </context>
  <context>
    <name>History</name>
    <message>
      <source>Last 30 days</source>
      <translation>最近 30 天</translation>
    </message>
    <message>
      <source>Last 7 days</source>
      <translation>最近 7 天</translation>
    </message>
    <message>
      <source>Title</source>
      <translation>标题</translation>
    </message>
    <message>
      <source>Today</source>
      <translation>今天</translation>
    </message>
    <message>
      <source>Yesterday</source>
      <translation>昨天</translation>
    </message>
    <message>
      <source>{month} {year}</source>
      <translation>{year} 年 {month}</translation>
    </message>
  </context>
  <context>
    <name>Hub</name>
    <message>
      <source>Address</source>
      <translation>地址</translation>
    </message>
    <message>
      <source>All its files</source>
      <translation>它的所有文件</translation>
    </message>
    <message>
      <source>Asking the hub…</source>
      <translation>正在询问模型中心…</translation>
    </message>
    <message>
      <source>Download</source>
      <translation>下载</translation>
    </message>
    <message>
      <source>Download · {size}</source>
      <translation>下载 · {size}</translation>
    </message>
    <message>
      <source>For code</source>
      <translation>用于代码</translation>
    </message>
    <message>
      <source>For hard questions</source>
      <translation>用于难题</translation>
    </message>
    <message>
      <source>For images</source>
      <translation>用于图像</translation>
    </message>
    <message>
      <source>For many languages</source>
      <translation>用于多种语言</translation>
    </message>
    <message>
      <source>For ranking what was found</source>
      <translation>用于给搜索结果排序</translation>
    </message>
    <message>
      <source>For searching documents</source>
      <translation>用于搜索文档</translation>
    </message>
    <message>
      <source>For this computer</source>
      <translation>适合这台电脑</translation>
    </message>
    <message>
      <source>Found: {n}</source>
      <translation>找到 {n} 个</translation>
    </message>
    <message>
      <source>Its makers ask for your agreement: accept it on its page on the web, and put your access token into the settings.</source>
      <translation>制作者要求你同意其条款：请在它的网页上接受，并在设置中填入你的访问令牌。</translation>
    </message>
    <message>
      <source>Its page on the web</source>
      <translation>它的网页</translation>
    </message>
    <message>
      <source>Licence: {name}</source>
      <translation>许可证：{name}</translation>
    </message>
    <message>
      <source>Models that can be downloaded</source>
      <translation>可以下载的模型</translation>
    </message>
    <message>
      <source>No answer</source>
      <translation>没有回应</translation>
    </message>
    <message>
      <source>Nothing was found for these words</source>
      <translation>没有找到符合这些关键词的模型</translation>
    </message>
    <message>
      <source>Open its page</source>
      <translation>打开它的页面</translation>
    </message>
    <message>
      <source>Order</source>
      <translation>排序</translation>
    </message>
    <message>
      <source>Parameters</source>
      <translation>参数量</translation>
    </message>
    <message>
      <source>Search</source>
      <translation>搜索</translation>
    </message>
    <message>
      <source>Search Hugging Face, or paste the address of a model</source>
      <translation>搜索 Hugging Face，或粘贴模型的地址</translation>
    </message>
    <message>
      <source>Searching…</source>
      <translation>正在搜索…</translation>
    </message>
    <message>
      <source>There is no GGUF file in this repository.</source>
      <translation>这个仓库中没有 GGUF 文件。</translation>
    </message>
    <message>
      <source>Try again</source>
      <translation>重试</translation>
    </message>
    <message>
      <source>What the model is for</source>
      <translation>模型的用途</translation>
    </message>
    <message>
      <source>any size</source>
      <translation>任意大小</translation>
    </message>
    <message>
      <source>as the original</source>
      <translation>与原版相同</translation>
    </message>
    <message>
      <source>changed {day}</source>
      <translation>更新于 {day}</translation>
    </message>
    <message>
      <source>hardly any loss</source>
      <translation>几乎无损</translation>
    </message>
    <message>
      <source>is here</source>
      <translation>已有</translation>
    </message>
    <message>
      <source>large loss</source>
      <translation>损失很大</translation>
    </message>
    <message>
      <source>most downloaded</source>
      <translation>下载最多</translation>
    </message>
    <message>
      <source>most liked</source>
      <translation>点赞最多</translation>
    </message>
    <message>
      <source>newest</source>
      <translation>最新</translation>
    </message>
    <message>
      <source>noticeable loss</source>
      <translation>损失明显</translation>
    </message>
    <message>
      <source>on request</source>
      <translation>需要申请</translation>
    </message>
    <message>
      <source>small loss</source>
      <translation>略有损失</translation>
    </message>
    <message>
      <source>trending</source>
      <translation>热门</translation>
    </message>
    <message>
      <source>up to 10B</source>
      <translation>不超过 10B</translation>
    </message>
    <message>
      <source>up to 2B</source>
      <translation>不超过 2B</translation>
    </message>
    <message>
      <source>up to 36B</source>
      <translation>不超过 36B</translation>
    </message>
    <message>
      <source>up to 5B</source>
      <translation>不超过 5B</translation>
    </message>
    <message>
      <source>{n} downloads</source>
      <translation>{n} 次下载</translation>
    </message>
    <message>
      <source>{n} likes</source>
      <translation>{n} 个赞</translation>
    </message>
    <message>
      <source>{quality} · recommended here</source>
      <translation>{quality} · 推荐用于这台电脑</translation>
    </message>
  </context>
  <context>
    <name>Inspector</name>
    <message>
      <source>1 token</source>
      <translation>1 个词元</translation>
    </message>
    <message>
      <source>A number repeats the same choices; empty is random.</source>
      <translation>填一个数字会重复同样的选择；留空则随机。</translation>
    </message>
    <message>
      <source>Add a LoRA adapter…</source>
      <translation>添加 LoRA 适配器…</translation>
    </message>
    <message>
      <source>Apply and reload</source>
      <translation>应用并重新加载</translation>
    </message>
    <message>
      <source>Apply context size and GPU layers and reload the model</source>
      <translation>应用上下文长度和 GPU 层数，并重新加载模型</translation>
    </message>
    <message>
      <source>Choose a LoRA adapter</source>
      <translation>选择 LoRA 适配器</translation>
    </message>
    <message>
      <source>Context size</source>
      <translation>上下文长度</translation>
    </message>
    <message>
      <source>Conversation</source>
      <translation>对话</translation>
    </message>
    <message>
      <source>Draft</source>
      <translation>草稿</translation>
    </message>
    <message>
      <source>Exact</source>
      <translation>精确</translation>
    </message>
    <message>
      <source>Exact runs alone from an empty cache: the same seed gives the same text.</source>
      <translation>精确模式从空缓存开始单独运行：相同的种子得到相同的文本。</translation>
    </message>
    <message>
      <source>Fast</source>
      <translation>快速</translation>
    </message>
    <message>
      <source>Frequency penalty</source>
      <translation>频率惩罚</translation>
    </message>
    <message>
      <source>GGUF adapters (*.gguf)</source>
      <translation>GGUF 适配器 (*.gguf)</translation>
    </message>
    <message>
      <source>GPU layers</source>
      <translation>GPU 层数</translation>
    </message>
    <message>
      <source>Makes tokens less likely once they occurred; 0 is off.</source>
      <translation>词元出现过就降低其可能性；0 表示关闭。</translation>
    </message>
    <message>
      <source>Makes tokens less likely the more often they occurred; 0 is off.</source>
      <translation>词元出现越多就越降低其可能性；0 表示关闭。</translation>
    </message>
    <message>
      <source>Max tokens</source>
      <translation>最多词元</translation>
    </message>
    <message>
      <source>Min-p</source>
      <translation>Min-p</translation>
    </message>
    <message>
      <source>Mode</source>
      <translation>模式</translation>
    </message>
    <message>
      <source>Model</source>
      <translation>模型</translation>
    </message>
    <message>
      <source>More</source>
      <translation>更多</translation>
    </message>
    <message>
      <source>More sampling values</source>
      <translation>更多采样参数</translation>
    </message>
    <message>
      <source>Presence penalty</source>
      <translation>存在惩罚</translation>
    </message>
    <message>
      <source>Repeat penalty</source>
      <translation>重复惩罚</translation>
    </message>
    <message>
      <source>Sampling</source>
      <translation>采样</translation>
    </message>
    <message>
      <source>Seed</source>
      <translation>种子</translation>
    </message>
    <message>
      <source>Show exact prompt</source>
      <translation>显示完整提示词</translation>
    </message>
    <message>
      <source>Strength of {name}</source>
      <translation>{name} 的强度</translation>
    </message>
    <message>
      <source>System</source>
      <translation>系统</translation>
    </message>
    <message>
      <source>System prompt</source>
      <translation>系统提示词</translation>
    </message>
    <message>
      <source>Take away {name}</source>
      <translation>移除 {name}</translation>
    </message>
    <message>
      <source>Takes effect when the model is loaded again.</source>
      <translation>重新加载模型后生效。</translation>
    </message>
    <message>
      <source>Temperature</source>
      <translation>温度</translation>
    </message>
    <message>
      <source>Template marks</source>
      <translation>模板标记</translation>
    </message>
    <message>
      <source>Thinking</source>
      <translation>思考</translation>
    </message>
    <message>
      <source>Top-k</source>
      <translation>Top-k</translation>
    </message>
    <message>
      <source>Top-p</source>
      <translation>Top-p</translation>
    </message>
    <message>
      <source>What the model saw</source>
      <translation>模型看到的内容</translation>
    </message>
    <message>
      <source>What the model should be and how it should answer.</source>
      <translation>模型应当是什么、应当怎样回答。</translation>
    </message>
    <message>
      <source>Whether to ask the model to think before it answers.</source>
      <translation>是否要求模型先思考再回答。</translation>
    </message>
    <message>
      <source>about {count} tokens</source>
      <translation>约 {count} 个词元</translation>
    </message>
    <message>
      <source>automatic</source>
      <translation>自动</translation>
    </message>
    <message>
      <source>default</source>
      <translation>默认</translation>
    </message>
    <message>
      <source>no limit</source>
      <translation>不限</translation>
    </message>
    <message>
      <source>off</source>
      <translation>关闭</translation>
    </message>
    <message>
      <source>on</source>
      <translation>开启</translation>
    </message>
    <message>
      <source>random</source>
      <translation>随机</translation>
    </message>
    <message>
      <source>{count} tokens</source>
      <translation>{count} 个词元</translation>
    </message>
    <message>
      <source>{name}, slider</source>
      <translation>{name}，滑块</translation>
    </message>
  </context>
  <context>
    <name>Links</name>
    <message>
      <source>Open link</source>
      <translation>打开链接</translation>
    </message>
    <message>
      <source>Open this address in the browser?</source>
      <translation>要在浏览器中打开这个地址吗？</translation>
    </message>
  </context>
  <context>
    <name>MemoryBar</name>
    <message>
      <source>nothing</source>
      <translation>0</translation>
    </message>
    <message>
      <source>{needed} of {available}</source>
      <translation>{needed} / {available}</translation>
    </message>
    <message>
      <source>{needed} of {available} free</source>
      <translation>{needed} / 可用 {available}</translation>
    </message>
  </context>
  <context>
    <name>Message</name>
    <message>
      <source>1 token</source>
      <translation>1 个词元</translation>
    </message>
    <message>
      <source>Answer: {text}</source>
      <translation>回答：{text}</translation>
    </message>
    <message>
      <source>Cancel</source>
      <translation>取消</translation>
    </message>
    <message>
      <source>Continue</source>
      <translation>继续</translation>
    </message>
    <message>
      <source>Ctrl+Enter</source>
      <translation>Ctrl+Enter</translation>
    </message>
    <message>
      <source>Edit the message</source>
      <translation>编辑消息</translation>
    </message>
    <message>
      <source>Esc</source>
      <translation>Esc</translation>
    </message>
    <message>
      <source>Next version</source>
      <translation>下一个版本</translation>
    </message>
    <message>
      <source>Previous version</source>
      <translation>上一个版本</translation>
    </message>
    <message>
      <source>Reached the token limit</source>
      <translation>已达词元上限</translation>
    </message>
    <message>
      <source>Restart</source>
      <translation>重新启动</translation>
    </message>
    <message>
      <source>Save</source>
      <translation>保存</translation>
    </message>
    <message>
      <source>Stopped</source>
      <translation>已停止</translation>
    </message>
    <message>
      <source>The context is full</source>
      <translation>上下文已满</translation>
    </message>
    <message>
      <source>The model stopped working here.</source>
      <translation>模型在这里停止工作了。</translation>
    </message>
    <message>
      <source>Thinking…</source>
      <translation>正在思考…</translation>
    </message>
    <message>
      <source>This went wrong.</source>
      <translation>出错了。</translation>
    </message>
    <message>
      <source>Thought</source>
      <translation>已思考</translation>
    </message>
    <message>
      <source>Thought for {seconds} s</source>
      <translation>思考了 {seconds} 秒</translation>
    </message>
    <message>
      <source>You: {text}</source>
      <translation>你：{text}</translation>
    </message>
    <message>
      <source>continue</source>
      <translation>继续</translation>
    </message>
    <message>
      <source>copy</source>
      <translation>复制</translation>
    </message>
    <message>
      <source>delete</source>
      <translation>删除</translation>
    </message>
    <message>
      <source>edit</source>
      <translation>编辑</translation>
    </message>
    <message>
      <source>regenerate</source>
      <translation>重新生成</translation>
    </message>
    <message>
      <source>rewrite</source>
      <translation>改写</translation>
    </message>
    <message>
      <source>summarize</source>
      <translation>摘要</translation>
    </message>
    <message>
      <source>what it saw</source>
      <translation>它看到的内容</translation>
    </message>
    <message>
      <source>{count} tokens</source>
      <translation>{count} 个词元</translation>
    </message>
    <message>
      <source>{number} / {count}</source>
      <translation>{number} / {count}</translation>
    </message>
    <message>
      <source>{seconds} s</source>
      <translation>{seconds} 秒</translation>
    </message>
    <message>
      <source>{speed} tok/s</source>
      <translation>{speed} 词元/秒</translation>
    </message>
  </context>
  <context>
    <name>ModelPicker</name>
    <message>
      <source>Cancel loading</source>
      <translation>取消加载</translation>
    </message>
    <message>
      <source>Choose a model</source>
      <translation>选择模型</translation>
    </message>
    <message>
      <source>Find models</source>
      <translation>查找模型</translation>
    </message>
    <message>
      <source>Free the memory of the selected model</source>
      <translation>释放所选模型占用的内存</translation>
    </message>
    <message>
      <source>GGUF models (*.gguf);;All files (*)</source>
      <translation>GGUF 模型 (*.gguf);;所有文件 (*)</translation>
    </message>
    <message>
      <source>Loading</source>
      <translation>正在加载</translation>
    </message>
    <message>
      <source>Model</source>
      <translation>模型</translation>
    </message>
    <message>
      <source>Model: {model}</source>
      <translation>模型：{model}</translation>
    </message>
    <message>
      <source>Models</source>
      <translation>模型</translation>
    </message>
    <message>
      <source>No models yet. Open a GGUF file to begin.</source>
      <translation>还没有模型。打开一个 GGUF 文件即可开始。</translation>
    </message>
    <message>
      <source>Open a GGUF file</source>
      <translation>打开 GGUF 文件</translation>
    </message>
    <message>
      <source>Open a GGUF file…</source>
      <translation>打开 GGUF 文件…</translation>
    </message>
    <message>
      <source>Unload</source>
      <translation>卸载</translation>
    </message>
    <message>
      <source>loaded</source>
      <translation>已加载</translation>
    </message>
    <message>
      <source>no chat format</source>
      <translation>没有对话格式</translation>
    </message>
    <message>
      <source>{model} · loading {percent}%</source>
      <translation>{model} · 正在加载 {percent}%</translation>
    </message>
    <message>
      <source>{tokens} tokens of context</source>
      <translation>上下文 {tokens} 个词元</translation>
    </message>
    <message>
      <source>{verdict} · {needed} of {available} free</source>
      <translation>{verdict} · {needed} / 可用 {available}</translation>
    </message>
  </context>
  <context>
    <name>Models</name>
    <message>
      <source>Add a folder…</source>
      <translation>添加文件夹…</translation>
    </message>
    <message>
      <source>Add a setting</source>
      <translation>添加设置</translation>
    </message>
    <message>
      <source>Add a setting that this model has for itself</source>
      <translation>为这个模型单独添加设置</translation>
    </message>
    <message>
      <source>All metadata</source>
      <translation>全部元数据</translation>
    </message>
    <message>
      <source>Architecture</source>
      <translation>架构</translation>
    </message>
    <message>
      <source>Cancel</source>
      <translation>取消</translation>
    </message>
    <message>
      <source>Chat template</source>
      <translation>对话模板</translation>
    </message>
    <message>
      <source>Chat with it</source>
      <translation>用它对话</translation>
    </message>
    <message>
      <source>Choose GGUF files</source>
      <translation>选择 GGUF 文件</translation>
    </message>
    <message>
      <source>Choose a folder with GGUF files</source>
      <translation>选择存放 GGUF 文件的文件夹</translation>
    </message>
    <message>
      <source>Close</source>
      <translation>关闭</translation>
    </message>
    <message>
      <source>Context</source>
      <translation>上下文</translation>
    </message>
    <message>
      <source>Copy them into Rolltop's folder (needs the room)</source>
      <translation>复制到 Rolltop 的文件夹（需要占用空间）</translation>
    </message>
    <message>
      <source>Delete for good</source>
      <translation>永久删除</translation>
    </message>
    <message>
      <source>Delete…</source>
      <translation>删除…</translation>
    </message>
    <message>
      <source>Details</source>
      <translation>详细信息</translation>
    </message>
    <message>
      <source>Downloads</source>
      <translation>下载</translation>
    </message>
    <message>
      <source>Embedding</source>
      <translation>嵌入维度</translation>
    </message>
    <message>
      <source>Experts</source>
      <translation>专家数</translation>
    </message>
    <message>
      <source>Fewer bits for each number take less memory and less time, and cost some quality. The original stays.</source>
      <translation>每个数值用更少的位，占用的内存和时间更少，质量略有损失。原文件会保留。</translation>
    </message>
    <message>
      <source>Files</source>
      <translation>文件</translation>
    </message>
    <message>
      <source>Filter by words</source>
      <translation>按关键词筛选</translation>
    </message>
    <message>
      <source>Find models</source>
      <translation>查找模型</translation>
    </message>
    <message>
      <source>Folders</source>
      <translation>文件夹</translation>
    </message>
    <message>
      <source>Found in</source>
      <translation>来源</translation>
    </message>
    <message>
      <source>GGUF models (*.gguf)</source>
      <translation>GGUF 模型 (*.gguf)</translation>
    </message>
    <message>
      <source>Hardware</source>
      <translation>硬件</translation>
    </message>
    <message>
      <source>Heads</source>
      <translation>注意力头数</translation>
    </message>
    <message>
      <source>Id</source>
      <translation>标识</translation>
    </message>
    <message>
      <source>Image part</source>
      <translation>图像部分</translation>
    </message>
    <message>
      <source>Import</source>
      <translation>导入</translation>
    </message>
    <message>
      <source>Import GGUF files</source>
      <translation>导入 GGUF 文件</translation>
    </message>
    <message>
      <source>Import models</source>
      <translation>导入模型</translation>
    </message>
    <message>
      <source>Import…</source>
      <translation>导入…</translation>
    </message>
    <message>
      <source>Its file stays where it is; only the link in Rolltop's folder goes.</source>
      <translation>它的文件留在原处；只移除 Rolltop 文件夹中的链接。</translation>
    </message>
    <message>
      <source>Key</source>
      <translation>键</translation>
    </message>
    <message>
      <source>Key/value heads</source>
      <translation>键值头数</translation>
    </message>
    <message>
      <source>Kind of model</source>
      <translation>模型种类</translation>
    </message>
    <message>
      <source>Last used</source>
      <translation>上次使用</translation>
    </message>
    <message>
      <source>Layers</source>
      <translation>层数</translation>
    </message>
    <message>
      <source>Left out: {n}</source>
      <translation>未列出：{n}</translation>
    </message>
    <message>
      <source>Licence</source>
      <translation>许可证</translation>
    </message>
    <message>
      <source>Look no more into {folder}</source>
      <translation>不再查看 {folder}</translation>
    </message>
    <message>
      <source>Looking through the folders: {done} of {found}</source>
      <translation>正在查看文件夹：{done} / {found}</translation>
    </message>
    <message>
      <source>Make it smaller…</source>
      <translation>缩小…</translation>
    </message>
    <message>
      <source>Make {model} smaller</source>
      <translation>缩小 {model}</translation>
    </message>
    <message>
      <source>Memory</source>
      <translation>内存</translation>
    </message>
    <message>
      <source>Metadata</source>
      <translation>元数据</translation>
    </message>
    <message>
      <source>Model</source>
      <translation>模型</translation>
    </message>
    <message>
      <source>Models</source>
      <translation>模型</translation>
    </message>
    <message>
      <source>Models of other apps</source>
      <translation>其他应用的模型</translation>
    </message>
    <message>
      <source>Models on this computer</source>
      <translation>这台电脑上的模型</translation>
    </message>
    <message>
      <source>More that can be done with this model</source>
      <translation>这个模型的更多操作</translation>
    </message>
    <message>
      <source>Move to trash</source>
      <translation>移到废纸篓</translation>
    </message>
    <message>
      <source>Move {model} to the trash?</source>
      <translation>要把 {model} 移到废纸篓吗？</translation>
    </message>
    <message>
      <source>No model fits these words.</source>
      <translation>没有符合这些关键词的模型。</translation>
    </message>
    <message>
      <source>Note</source>
      <translation>备注</translation>
    </message>
    <message>
      <source>On this computer</source>
      <translation>这台电脑上</translation>
    </message>
    <message>
      <source>Parameters</source>
      <translation>参数量</translation>
    </message>
    <message>
      <source>Quantization</source>
      <translation>量化</translation>
    </message>
    <message>
      <source>Settings of this model</source>
      <translation>这个模型的设置</translation>
    </message>
    <message>
      <source>Show all models</source>
      <translation>显示所有模型</translation>
    </message>
    <message>
      <source>Show downloads</source>
      <translation>显示下载</translation>
    </message>
    <message>
      <source>Show in folder</source>
      <translation>在文件夹中显示</translation>
    </message>
    <message>
      <source>Size</source>
      <translation>大小</translation>
    </message>
    <message>
      <source>System prompt</source>
      <translation>系统提示词</translation>
    </message>
    <message>
      <source>These files and folders were left out:</source>
      <translation>以下文件和文件夹没有列出：</translation>
    </message>
    <message>
      <source>This frees {size} once the trash is emptied.</source>
      <translation>清空废纸篓后可释放 {size}。</translation>
    </message>
    <message>
      <source>Use them where they are (a link)</source>
      <translation>在原处使用（链接）</translation>
    </message>
    <message>
      <source>Value</source>
      <translation>值</translation>
    </message>
    <message>
      <source>What is it good for?</source>
      <translation>它适合做什么？</translation>
    </message>
    <message>
      <source>Write the file</source>
      <translation>生成文件</translation>
    </message>
    <message>
      <source>all kinds</source>
      <translation>所有种类</translation>
    </message>
    <message>
      <source>and {n} more</source>
      <translation>还有 {n} 个</translation>
    </message>
    <message>
      <source>loaded</source>
      <translation>已加载</translation>
    </message>
    <message>
      <source>{model} is being downloaded.</source>
      <translation>正在下载 {model}。</translation>
    </message>
    <message>
      <source>{model} was deleted.</source>
      <translation>已删除 {model}。</translation>
    </message>
    <message>
      <source>{model} was moved to the trash.</source>
      <translation>已把 {model} 移到废纸篓。</translation>
    </message>
    <message>
      <source>{n} in all · {size}</source>
      <translation>共 {n} 个 · {size}</translation>
    </message>
    <message>
      <source>{n} values of type {type}</source>
      <translation>{n} 个 {type} 类型的值</translation>
    </message>
    <message>
      <source>{setting}: as for all models</source>
      <translation>{setting}：与所有模型相同</translation>
    </message>
    <message>
      <source>{type} · about {size}</source>
      <translation>{type} · 约 {size}</translation>
    </message>
  </context>
  <context>
    <name>Network</name>
    <message>
      <source>Checking the token</source>
      <translation>检查访问令牌</translation>
    </message>
    <message>
      <source>Downloading a model</source>
      <translation>下载模型</translation>
    </message>
    <message>
      <source>Looking at a model</source>
      <translation>查看模型</translation>
    </message>
    <message>
      <source>Reading a model card</source>
      <translation>读取模型卡片</translation>
    </message>
    <message>
      <source>Reading the header of a model</source>
      <translation>读取模型的文件头</translation>
    </message>
    <message>
      <source>Searching models</source>
      <translation>搜索模型</translation>
    </message>
  </context>
  <context>
    <name>NoticeBar</name>
    <message>
      <source>Copy report</source>
      <translation>复制报告</translation>
    </message>
    <message>
      <source>Dismiss</source>
      <translation>关闭</translation>
    </message>
    <message>
      <source>Undo</source>
      <translation>撤销</translation>
    </message>
  </context>
  <context>
    <name>Parts</name>
    <message>
      <source>How it was made</source>
      <translation>生成过程</translation>
    </message>
    <message>
      <source>Part {number}</source>
      <translation>第 {number} 部分</translation>
    </message>
    <message>
      <source>Parts {first}–{last}</source>
      <translation>第 {first}–{last} 部分</translation>
    </message>
    <message>
      <source>Summary</source>
      <translation>摘要</translation>
    </message>
    <message>
      <source>asked again</source>
      <translation>重新提问</translation>
    </message>
    <message>
      <source>chapter {first}</source>
      <translation>第 {first} 章</translation>
    </message>
    <message>
      <source>chapters {first}–{last}</source>
      <translation>第 {first}–{last} 章</translation>
    </message>
    <message>
      <source>done</source>
      <translation>已完成</translation>
    </message>
    <message>
      <source>failed</source>
      <translation>失败</translation>
    </message>
    <message>
      <source>page {first}</source>
      <translation>第 {first} 页</translation>
    </message>
    <message>
      <source>pages {first}–{last}</source>
      <translation>第 {first}–{last} 页</translation>
    </message>
    <message>
      <source>sheet {first}</source>
      <translation>工作表 {first}</translation>
    </message>
    <message>
      <source>sheets {first}–{last}</source>
      <translation>工作表 {first}–{last}</translation>
    </message>
    <message>
      <source>slide {first}</source>
      <translation>幻灯片 {first}</translation>
    </message>
    <message>
      <source>slides {first}–{last}</source>
      <translation>幻灯片 {first}–{last}</translation>
    </message>
    <message>
      <source>waiting</source>
      <translation>等候</translation>
    </message>
    <message>
      <source>writing…</source>
      <translation>正在写…</translation>
    </message>
  </context>
  <context>
    <name>Plan</name>
    <message>
      <source>Cache precision to plan for</source>
      <translation>按此缓存精度计算</translation>
    </message>
    <message>
      <source>Context to plan for</source>
      <translation>按此上下文长度计算</translation>
    </message>
    <message>
      <source>It fits with a context of {n} tokens.</source>
      <translation>上下文为 {n} 个词元时放得下。</translation>
    </message>
    <message>
      <source>RAM</source>
      <translation>RAM</translation>
    </message>
    <message>
      <source>Use these settings for this model</source>
      <translation>对这个模型使用这些设置</translation>
    </message>
    <message>
      <source>What does not fit on the GPU is left to the processor.</source>
      <translation>GPU 放不下的部分由处理器运行。</translation>
    </message>
    <message>
      <source>automatic context</source>
      <translation>自动选择上下文长度</translation>
    </message>
    <message>
      <source>computing</source>
      <translation>计算</translation>
    </message>
    <message>
      <source>context</source>
      <translation>上下文</translation>
    </message>
    <message>
      <source>image part</source>
      <translation>图像部分</translation>
    </message>
    <message>
      <source>its process</source>
      <translation>进程本身</translation>
    </message>
    <message>
      <source>kept conversations</source>
      <translation>保留的对话</translation>
    </message>
    <message>
      <source>weights</source>
      <translation>权重</translation>
    </message>
    <message>
      <source>{n} tokens of context</source>
      <translation>上下文 {n} 个词元</translation>
    </message>
    <message>
      <source>{some} of {all} layers on the GPU</source>
      <translation>GPU {some} / {all} 层</translation>
    </message>
  </context>
  <context>
    <name>ProblemList</name>
    <message>
      <source>Show {count} more remarks</source>
      <translation>再显示 {count} 条提示</translation>
    </message>
    <message>
      <source>{count} more</source>
      <translation>还有 {count} 条</translation>
    </message>
  </context>
  <context>
    <name>PromptView</name>
    <message>
      <source>Close</source>
      <translation>关闭</translation>
    </message>
    <message>
      <source>Copy</source>
      <translation>复制</translation>
    </message>
    <message>
      <source>Copy the exact prompt</source>
      <translation>复制完整提示词</translation>
    </message>
    <message>
      <source>Exact prompt</source>
      <translation>完整提示词</translation>
    </message>
    <message>
      <source>{count} tokens</source>
      <translation>{count} 个词元</translation>
    </message>
    <message>
      <source>{count} tokens, {marks} of them marks. The model has no chat template: plain format.</source>
      <translation>{count} 个词元，其中 {marks} 个是标记。这个模型没有对话模板：使用纯文本格式。</translation>
    </message>
    <message>
      <source>{count} tokens, {marks} of them the template's marks (tinted)</source>
      <translation>{count} 个词元，其中 {marks} 个是模板标记（着色部分）</translation>
    </message>
  </context>
  <context>
    <name>Prose</name>
    <message>
      <source>Copied</source>
      <translation>已复制</translation>
    </message>
    <message>
      <source>Copy</source>
      <translation>复制</translation>
    </message>
    <message>
      <source>Copy address</source>
      <translation>复制地址</translation>
    </message>
    <message>
      <source>Copy selection</source>
      <translation>复制所选内容</translation>
    </message>
    <message>
      <source>Copy this code</source>
      <translation>复制这段代码</translation>
    </message>
    <message>
      <source>Open {url}</source>
      <translation>打开 {url}</translation>
    </message>
    <message>
      <source>Select all</source>
      <translation>全选</translation>
    </message>
    <message>
      <source>Show more ({count} characters left)</source>
      <translation>显示更多（还有 {count} 个字符）</translation>
    </message>
    <message>
      <source>[image: {name}]</source>
      <translation>[图片：{name}]</translation>
    </message>
  </context>
  <context>
    <name>Result</name>
    <message>
      <source>1 part</source>
      <translation>1 个部分</translation>
    </message>
    <message>
      <source>Back to the result</source>
      <translation>返回结果</translation>
    </message>
    <message>
      <source>Copy the result as Markdown</source>
      <translation>把结果复制为 Markdown</translation>
    </message>
    <message>
      <source>Do it again with the options above</source>
      <translation>用上面的选项重新生成</translation>
    </message>
    <message>
      <source>Dotted line: not found in the text ({count} of {all} sentences).</source>
      <translation>点线：在文本中没有找到（{all} 句中有 {count} 句）。</translation>
    </message>
    <message>
      <source>How it was made</source>
      <translation>生成过程</translation>
    </message>
    <message>
      <source>Open a chat about the text</source>
      <translation>打开关于这段文本的对话</translation>
    </message>
    <message>
      <source>Result</source>
      <translation>结果</translation>
    </message>
    <message>
      <source>Rewrite the result</source>
      <translation>改写结果</translation>
    </message>
    <message>
      <source>Save the result as a file</source>
      <translation>把结果保存为文件</translation>
    </message>
    <message>
      <source>There is no result yet.</source>
      <translation>还没有结果。</translation>
    </message>
    <message>
      <source>again</source>
      <translation>重新生成</translation>
    </message>
    <message>
      <source>back to the result</source>
      <translation>返回结果</translation>
    </message>
    <message>
      <source>chat about this</source>
      <translation>对话</translation>
    </message>
    <message>
      <source>copy</source>
      <translation>复制</translation>
    </message>
    <message>
      <source>from {place}</source>
      <translation>出自：{place}</translation>
    </message>
    <message>
      <source>not found in the text; made of {place}</source>
      <translation>在文本中没有找到；依据：{place}</translation>
    </message>
    <message>
      <source>rewrite this</source>
      <translation>改写</translation>
    </message>
    <message>
      <source>save</source>
      <translation>保存</translation>
    </message>
    <message>
      <source>{count} parts</source>
      <translation>{count} 个部分</translation>
    </message>
    <message>
      <source>{count} tokens</source>
      <translation>{count} 个词元</translation>
    </message>
    <message>
      <source>{done} of {count} parts</source>
      <translation>{done} / {count} 个部分</translation>
    </message>
    <message>
      <source>{percent} % of the text was read</source>
      <translation>已读取文本的 {percent} %</translation>
    </message>
  </context>
  <context>
    <name>Rewrite</name>
    <message>
      <source>1 to check</source>
      <translation>1 处待检查</translation>
    </message>
    <message>
      <source>1 word</source>
      <translation>1 字</translation>
    </message>
    <message>
      <source>About half as long, with what matters.</source>
      <translation>长度约为一半，保留要点。</translation>
    </message>
    <message>
      <source>Alternatives</source>
      <translation>备选</translation>
    </message>
    <message>
      <source>Another rewrite</source>
      <translation>再次改写</translation>
    </message>
    <message>
      <source>Bullet points</source>
      <translation>项目列表</translation>
    </message>
    <message>
      <source>Changes</source>
      <translation>修改</translation>
    </message>
    <message>
      <source>Chat about it</source>
      <translation>就此对话</translation>
    </message>
    <message>
      <source>Clearer and smoother sentences with the same meaning.</source>
      <translation>句子更清楚、更流畅，意思不变。</translation>
    </message>
    <message>
      <source>Copy the result</source>
      <translation>复制结果</translation>
    </message>
    <message>
      <source>Correct spelling and grammar</source>
      <translation>更正拼写和语法</translation>
    </message>
    <message>
      <source>Easy words and short sentences, for any reader.</source>
      <translation>用词浅显、句子简短，适合任何读者。</translation>
    </message>
    <message>
      <source>Every paragraph becomes a list.</source>
      <translation>每一段变成一个列表。</translation>
    </message>
    <message>
      <source>Expand</source>
      <translation>扩写</translation>
    </message>
    <message>
      <source>Find the language</source>
      <translation>识别语言</translation>
    </message>
    <message>
      <source>For letters to offices and business.</source>
      <translation>适合写给机关和公司的信函。</translation>
    </message>
    <message>
      <source>Forget this task of my own</source>
      <translation>删除这个自定义改写方式</translation>
    </message>
    <message>
      <source>How many results</source>
      <translation>结果数量</translation>
    </message>
    <message>
      <source>Improve the writing</source>
      <translation>润色</translation>
    </message>
    <message>
      <source>Into another language.</source>
      <translation>译成另一种语言。</translation>
    </message>
    <message>
      <source>Language of the result</source>
      <translation>结果的语言</translation>
    </message>
    <message>
      <source>Language of the text</source>
      <translation>文本的语言</translation>
    </message>
    <message>
      <source>Longer, with more explanation and detail.</source>
      <translation>更长，有更多解释和细节。</translation>
    </message>
    <message>
      <source>Make formal</source>
      <translation>改为正式语气</translation>
    </message>
    <message>
      <source>Make friendly</source>
      <translation>改为友好语气</translation>
    </message>
    <message>
      <source>Make persuasive</source>
      <translation>更有说服力</translation>
    </message>
    <message>
      <source>Mistakes are corrected; everything else stays as it is.</source>
      <translation>只更正错误，其他内容保持原样。</translation>
    </message>
    <message>
      <source>New rewrite</source>
      <translation>新改写</translation>
    </message>
    <message>
      <source>Not reached yet.</source>
      <translation>还没有处理到。</translation>
    </message>
    <message>
      <source>One result</source>
      <translation>1 个结果</translation>
    </message>
    <message>
      <source>Own instruction</source>
      <translation>自定义指令</translation>
    </message>
    <message>
      <source>Paragraph {n}: {reason}</source>
      <translation>第 {n} 段：{reason}</translation>
    </message>
    <message>
      <source>Replace the text by the result</source>
      <translation>用结果替换文本</translation>
    </message>
    <message>
      <source>Rewrite</source>
      <translation>改写</translation>
    </message>
    <message>
      <source>Save the result</source>
      <translation>保存结果</translation>
    </message>
    <message>
      <source>Save the result as a file</source>
      <translation>把结果保存为文件</translation>
    </message>
    <message>
      <source>Say in your own words what is to be done with every paragraph.</source>
      <translation>用自己的话说明要对每一段做什么。</translation>
    </message>
    <message>
      <source>Send the result on</source>
      <translation>继续使用结果</translation>
    </message>
    <message>
      <source>Shorten</source>
      <translation>缩短</translation>
    </message>
    <message>
      <source>Show or hide the rewrites</source>
      <translation>显示或隐藏改写列表</translation>
    </message>
    <message>
      <source>Side by side</source>
      <translation>对照</translation>
    </message>
    <message>
      <source>Simplify</source>
      <translation>简化</translation>
    </message>
    <message>
      <source>Summarize it</source>
      <translation>生成摘要</translation>
    </message>
    <message>
      <source>Text</source>
      <translation>文本</translation>
    </message>
    <message>
      <source>Texts (*.txt *.md);;All files (*)</source>
      <translation>文本 (*.txt *.md);;所有文件 (*)</translation>
    </message>
    <message>
      <source>Three results</source>
      <translation>3 个结果</translation>
    </message>
    <message>
      <source>Title of the rewrite</source>
      <translation>改写标题</translation>
    </message>
    <message>
      <source>To win the reader over, without inventing anything.</source>
      <translation>说服读者，但不虚构内容。</translation>
    </message>
    <message>
      <source>Translate</source>
      <translation>翻译</translation>
    </message>
    <message>
      <source>Translate the other way round</source>
      <translation>反向翻译</translation>
    </message>
    <message>
      <source>Warm and personal.</source>
      <translation>亲切而有人情味。</translation>
    </message>
    <message>
      <source>What is this task called?</source>
      <translation>这个改写方式叫什么名称？</translation>
    </message>
    <message>
      <source>What is to be done, such as “Make it sound like a speech”</source>
      <translation>要做什么，例如“改得像一篇演讲”</translation>
    </message>
    <message>
      <source>What to do</source>
      <translation>改写方式</translation>
    </message>
    <message>
      <source>What was left as it was or needs a look (F8: next)</source>
      <translation>保持原样或需要查看的内容（F8：下一处）</translation>
    </message>
    <message>
      <source>Words that stay as they are, or are written in a certain way</source>
      <translation>保持原样或有固定写法的词语</translation>
    </message>
    <message>
      <source>Words: {n}</source>
      <translation>词语：{n}</translation>
    </message>
    <message>
      <source>Words…</source>
      <translation>词语…</translation>
    </message>
    <message>
      <source>{count} words</source>
      <translation>{count} 字</translation>
    </message>
    <message>
      <source>{done} of {count} paragraphs</source>
      <translation>{done} / {count} 段</translation>
    </message>
    <message>
      <source>{done} of {count} paragraphs are done and kept.</source>
      <translation>已完成并保留 {done} / {count} 段。</translation>
    </message>
    <message>
      <source>{language} (found)</source>
      <translation>{language}（已识别）</translation>
    </message>
    <message>
      <source>{n} to check</source>
      <translation>{n} 处待检查</translation>
    </message>
  </context>
  <context>
    <name>RunList</name>
    <message>
      <source>Delete</source>
      <translation>删除</translation>
    </message>
    <message>
      <source>New rewrite</source>
      <translation>新改写</translation>
    </message>
    <message>
      <source>New summary</source>
      <translation>新摘要</translation>
    </message>
    <message>
      <source>Nothing contains “{text}”.</source>
      <translation>没有内容包含“{text}”。</translation>
    </message>
    <message>
      <source>Open</source>
      <translation>打开</translation>
    </message>
    <message>
      <source>Pasted text</source>
      <translation>粘贴的文本</translation>
    </message>
    <message>
      <source>Rewrites</source>
      <translation>改写</translation>
    </message>
    <message>
      <source>Search rewrites</source>
      <translation>搜索改写</translation>
    </message>
    <message>
      <source>Search summaries</source>
      <translation>搜索摘要</translation>
    </message>
    <message>
      <source>Summaries</source>
      <translation>摘要</translation>
    </message>
    <message>
      <source>The rewrite was deleted.</source>
      <translation>改写已删除。</translation>
    </message>
    <message>
      <source>The summary was deleted.</source>
      <translation>摘要已删除。</translation>
    </message>
    <message>
      <source>Your rewrites will be kept here.</source>
      <translation>你的改写会保存在这里。</translation>
    </message>
    <message>
      <source>Your summaries will be kept here.</source>
      <translation>你的摘要会保存在这里。</translation>
    </message>
    <message>
      <source>failed</source>
      <translation>失败</translation>
    </message>
    <message>
      <source>interrupted</source>
      <translation>已中断</translation>
    </message>
    <message>
      <source>stopped</source>
      <translation>已停止</translation>
    </message>
    <message>
      <source>working…</source>
      <translation>正在处理…</translation>
    </message>
  </context>
  <context>
    <name>Settings</name>
    <message>
      <source>0 always takes the likeliest token; more is more varied.</source>
      <translation>0 总是取最可能的词元；数值越大变化越多。</translation>
    </message>
    <message>
      <source>A faster way to compute attention, where the device can.</source>
      <translation>更快的注意力计算方式，需要设备支持。</translation>
    </message>
    <message>
      <source>Above 1, what was said lately becomes less likely; 1 is off.</source>
      <translation>大于 1 时，最近说过的内容更不容易重复；1 表示关闭。</translation>
    </message>
    <message>
      <source>Access token</source>
      <translation>访问令牌</translation>
    </message>
    <message>
      <source>Address of the hub</source>
      <translation>模型中心的地址</translation>
    </message>
    <message>
      <source>Cache precision</source>
      <translation>缓存精度</translation>
    </message>
    <message>
      <source>Context size</source>
      <translation>上下文长度</translation>
    </message>
    <message>
      <source>Conversations</source>
      <translation>对话</translation>
    </message>
    <message>
      <source>Downloads at once</source>
      <translation>同时下载数</translation>
    </message>
    <message>
      <source>Drop tokens less likely than this part of the likeliest; 0 is off.</source>
      <translation>去掉概率低于最可能词元这一比例的词元；0 表示关闭。</translation>
    </message>
    <message>
      <source>Enter sends</source>
      <translation>Enter 发送</translation>
    </message>
    <message>
      <source>Enter sends the message and Shift+Enter makes a new line.</source>
      <translation>按 Enter 发送消息，按 Shift+Enter 换行。</translation>
    </message>
    <message>
      <source>Flash attention</source>
      <translation>Flash attention</translation>
    </message>
    <message>
      <source>For models whose makers ask for an agreement. It is kept in the system's own safe, and sent to the hub alone.</source>
      <translation>用于制作者要求同意条款的模型。它保存在系统的密码库中，只发送给模型中心。</translation>
    </message>
    <message>
      <source>Forget</source>
      <translation>忘记</translation>
    </message>
    <message>
      <source>Forget the access token</source>
      <translation>忘记访问令牌</translation>
    </message>
    <message>
      <source>GPU layers</source>
      <translation>GPU 层数</translation>
    </message>
    <message>
      <source>How the context is kept in memory. Smaller types save memory and lose a little quality.</source>
      <translation>上下文在内存中的保存方式。较小的类型节省内存，质量略有损失。</translation>
    </message>
    <message>
      <source>Inspector</source>
      <translation>检查器</translation>
    </message>
    <message>
      <source>Keep the likeliest tokens that together have this probability; 1 is off.</source>
      <translation>保留合计达到这一概率的最可能词元；1 表示关闭。</translation>
    </message>
    <message>
      <source>Keep this many of the likeliest tokens; 0 is off.</source>
      <translation>保留这么多个最可能的词元；0 表示关闭。</translation>
    </message>
    <message>
      <source>Language</source>
      <translation>语言</translation>
    </message>
    <message>
      <source>Layers computed on the graphics card; -1 means as many as its memory holds.</source>
      <translation>在显卡上计算的层数；-1 表示显存能容纳的最多层数。</translation>
    </message>
    <message>
      <source>Light, dark, or as the system is.</source>
      <translation>浅色、深色，或跟随系统。</translation>
    </message>
    <message>
      <source>List the models that LM Studio, Ollama, Jan, GPT4All and the Hugging Face cache keep on this computer. They are read where they lie and never changed.</source>
      <translation>列出 LM Studio、Ollama、Jan、GPT4All 和 Hugging Face 缓存保存在这台电脑上的模型。它们在原处读取，从不修改。</translation>
    </message>
    <message>
      <source>Longest answer</source>
      <translation>最长回答</translation>
    </message>
    <message>
      <source>Min-p</source>
      <translation>Min-p</translation>
    </message>
    <message>
      <source>Minutes after which an unused model leaves memory; 0 means never.</source>
      <translation>模型闲置多少分钟后从内存中卸载；0 表示从不。</translation>
    </message>
    <message>
      <source>Model</source>
      <translation>模型</translation>
    </message>
    <message>
      <source>Models</source>
      <translation>模型</translation>
    </message>
    <message>
      <source>Models of other apps</source>
      <translation>其他应用的模型</translation>
    </message>
    <message>
      <source>Network</source>
      <translation>网络</translation>
    </message>
    <message>
      <source>New chats</source>
      <translation>新对话</translation>
    </message>
    <message>
      <source>Offline mode</source>
      <translation>离线模式</translation>
    </message>
    <message>
      <source>Proxy</source>
      <translation>代理</translation>
    </message>
    <message>
      <source>Refuse every connection, also those you ask for.</source>
      <translation>拒绝所有连接，包括你要求的连接。</translation>
    </message>
    <message>
      <source>Repeat penalty</source>
      <translation>重复惩罚</translation>
    </message>
    <message>
      <source>Settings</source>
      <translation>设置</translation>
    </message>
    <message>
      <source>Show the inspector at the right.</source>
      <translation>在右侧显示检查器。</translation>
    </message>
    <message>
      <source>Show the list of conversations.</source>
      <translation>显示对话列表。</translation>
    </message>
    <message>
      <source>Such as http://localhost:3128; empty means as the system says.</source>
      <translation>例如 http://localhost:3128；留空表示使用系统的设置。</translation>
    </message>
    <message>
      <source>Temperature</source>
      <translation>温度</translation>
    </message>
    <message>
      <source>The language changes when Rolltop is started again.</source>
      <translation>重新启动 Rolltop 后更换语言。</translation>
    </message>
    <message>
      <source>The language of the window.</source>
      <translation>窗口使用的语言。</translation>
    </message>
    <message>
      <source>The model of a new chat; empty means the starter model.</source>
      <translation>新对话使用的模型；留空表示自带的模型。</translation>
    </message>
    <message>
      <source>The others wait for their turn.</source>
      <translation>其余的排队等候。</translation>
    </message>
    <message>
      <source>Theme</source>
      <translation>主题</translation>
    </message>
    <message>
      <source>This computer has no safe for passwords: the token is kept until Rolltop is closed.</source>
      <translation>这台电脑没有密码库：访问令牌只保留到 Rolltop 关闭为止。</translation>
    </message>
    <message>
      <source>Threads</source>
      <translation>线程数</translation>
    </message>
    <message>
      <source>Threads for computing; 0 means one for each physical core.</source>
      <translation>用于计算的线程数；0 表示每个物理核心一个。</translation>
    </message>
    <message>
      <source>Tokens a model keeps in mind; 0 means as many as memory affords, up to 8192.</source>
      <translation>模型能记住的词元数；0 表示内存允许多少就用多少，至多 8192。</translation>
    </message>
    <message>
      <source>Tokens after which an answer ends; 0 means until the context is full.</source>
      <translation>回答达到多少词元后结束；0 表示直到上下文用完。</translation>
    </message>
    <message>
      <source>Top-k</source>
      <translation>Top-k</translation>
    </message>
    <message>
      <source>Top-p</source>
      <translation>Top-p</translation>
    </message>
    <message>
      <source>Unload when idle</source>
      <translation>闲置时卸载</translation>
    </message>
    <message>
      <source>Where models are searched and downloaded; empty means huggingface.co. A mirror may be nearer.</source>
      <translation>搜索和下载模型的地方；留空表示 huggingface.co。镜像站可能更近。</translation>
    </message>
    <message>
      <source>Window</source>
      <translation>窗口</translation>
    </message>
    <message>
      <source>as the system</source>
      <translation>跟随系统</translation>
    </message>
    <message>
      <source>automatic</source>
      <translation>自动</translation>
    </message>
    <message>
      <source>dark</source>
      <translation>深色</translation>
    </message>
    <message>
      <source>kept; enter another one to change it</source>
      <translation>已保存；填入新的即可更换</translation>
    </message>
    <message>
      <source>light</source>
      <translation>浅色</translation>
    </message>
    <message>
      <source>never</source>
      <translation>从不</translation>
    </message>
    <message>
      <source>no limit</source>
      <translation>不限</translation>
    </message>
    <message>
      <source>none</source>
      <translation>无</translation>
    </message>
    <message>
      <source>off</source>
      <translation>关闭</translation>
    </message>
    <message>
      <source>on</source>
      <translation>开启</translation>
    </message>
  </context>
  <context>
    <name>SideBySide</name>
    <message>
      <source>Edit this paragraph</source>
      <translation>编辑这一段</translation>
    </message>
    <message>
      <source>Result</source>
      <translation>结果</translation>
    </message>
    <message>
      <source>Source</source>
      <translation>原文</translation>
    </message>
    <message>
      <source>Source and result</source>
      <translation>原文和结果</translation>
    </message>
  </context>
  <context>
    <name>Source</name>
    <message>
      <source>1 chapter</source>
      <translation>1 章</translation>
    </message>
    <message>
      <source>1 page</source>
      <translation>1 页</translation>
    </message>
    <message>
      <source>1 sheet</source>
      <translation>1 个工作表</translation>
    </message>
    <message>
      <source>1 slide</source>
      <translation>1 张幻灯片</translation>
    </message>
    <message>
      <source>1 word</source>
      <translation>1 字</translation>
    </message>
    <message>
      <source>Choose a conversation</source>
      <translation>选择对话</translation>
    </message>
    <message>
      <source>Choose a conversation as the text</source>
      <translation>选择一个对话作为文本</translation>
    </message>
    <message>
      <source>Conversation</source>
      <translation>对话</translation>
    </message>
    <message>
      <source>Edit the text</source>
      <translation>编辑文本</translation>
    </message>
    <message>
      <source>Open a file…</source>
      <translation>打开文件…</translation>
    </message>
    <message>
      <source>Open files</source>
      <translation>打开文件</translation>
    </message>
    <message>
      <source>Open files…</source>
      <translation>打开文件…</translation>
    </message>
    <message>
      <source>Paste (Ctrl+V)</source>
      <translation>粘贴（Ctrl+V）</translation>
    </message>
    <message>
      <source>Paste or type a text here, or drop a file.</source>
      <translation>在这里粘贴或输入文本，或拖入一个文件。</translation>
    </message>
    <message>
      <source>Paste or type a text here, or drop files.</source>
      <translation>在这里粘贴或输入文本，或拖入文件。</translation>
    </message>
    <message>
      <source>Pasted text</source>
      <translation>粘贴的文本</translation>
    </message>
    <message>
      <source>Remove</source>
      <translation>移除</translation>
    </message>
    <message>
      <source>Remove all texts</source>
      <translation>移除所有文本</translation>
    </message>
    <message>
      <source>Remove the text</source>
      <translation>移除文本</translation>
    </message>
    <message>
      <source>Remove {name}</source>
      <translation>移除 {name}</translation>
    </message>
    <message>
      <source>Source</source>
      <translation>原文</translation>
    </message>
    <message>
      <source>Text</source>
      <translation>文本</translation>
    </message>
    <message>
      <source>Texts</source>
      <translation>文本</translation>
    </message>
    <message>
      <source>Texts ({patterns});;All files (*)</source>
      <translation>文本 ({patterns});;所有文件 (*)</translation>
    </message>
    <message>
      <source>chapter {number}</source>
      <translation>第 {number} 章</translation>
    </message>
    <message>
      <source>edit</source>
      <translation>编辑</translation>
    </message>
    <message>
      <source>not read: {reason}</source>
      <translation>未读取：{reason}</translation>
    </message>
    <message>
      <source>or choose a conversation</source>
      <translation>或选择一个对话</translation>
    </message>
    <message>
      <source>page {number}</source>
      <translation>第 {number} 页</translation>
    </message>
    <message>
      <source>reading…</source>
      <translation>正在读取…</translation>
    </message>
    <message>
      <source>sheet {number}</source>
      <translation>工作表 {number}</translation>
    </message>
    <message>
      <source>slide {number}</source>
      <translation>幻灯片 {number}</translation>
    </message>
    <message>
      <source>{count} chapters</source>
      <translation>{count} 章</translation>
    </message>
    <message>
      <source>{count} pages</source>
      <translation>{count} 页</translation>
    </message>
    <message>
      <source>{count} sheets</source>
      <translation>{count} 个工作表</translation>
    </message>
    <message>
      <source>{count} slides</source>
      <translation>{count} 张幻灯片</translation>
    </message>
    <message>
      <source>{count} texts · {words} words</source>
      <translation>{count} 份文本 · {words} 字</translation>
    </message>
    <message>
      <source>{count} words</source>
      <translation>{count} 字</translation>
    </message>
  </context>
  <context>
    <name>StatusBar</name>
    <message>
      <source>Context: {used} of {size} tokens in use</source>
      <translation>上下文：已用 {used} / {size} 个词元</translation>
    </message>
    <message>
      <source>No model chosen</source>
      <translation>没有选择模型</translation>
    </message>
    <message>
      <source>Offline: Rolltop has made no network connection since it was started.</source>
      <translation>离线：Rolltop 启动以来没有建立任何网络连接。</translation>
    </message>
    <message>
      <source>RAM {used} / {total} GB</source>
      <translation>内存 {used} / {total} GB</translation>
    </message>
    <message>
      <source>Restart</source>
      <translation>重新启动</translation>
    </message>
    <message>
      <source>Restart the model</source>
      <translation>重新启动模型</translation>
    </message>
    <message>
      <source>Status</source>
      <translation>状态</translation>
    </message>
    <message>
      <source>about {used} / {size} tokens</source>
      <translation>约 {used} / {size} 个词元</translation>
    </message>
    <message>
      <source>connections: {count}</source>
      <translation>连接：{count}</translation>
    </message>
    <message>
      <source>offline</source>
      <translation>离线</translation>
    </message>
    <message>
      <source>{model} loading {percent}%</source>
      <translation>{model} 正在加载 {percent}%</translation>
    </message>
    <message>
      <source>{model} not loaded</source>
      <translation>{model} 未加载</translation>
    </message>
    <message>
      <source>{model} ready</source>
      <translation>{model} 已就绪</translation>
    </message>
    <message>
      <source>{model} stopped working</source>
      <translation>{model} 停止工作了</translation>
    </message>
    <message>
      <source>{rate} tok/s</source>
      <translation>{rate} 词元/秒</translation>
    </message>
    <message>
      <source>{used} / {size} tokens</source>
      <translation>{used} / {size} 个词元</translation>
    </message>
    <message>
      <source>{used} / {size} tokens, too long</source>
      <translation>{used} / {size} 个词元，太长</translation>
    </message>
  </context>
  <context>
    <name>Summary</name>
    <message>
      <source>Abstract</source>
      <translation>概要</translation>
    </message>
    <message>
      <source>Actions and decisions</source>
      <translation>待办和决定</translation>
    </message>
    <message>
      <source>All of it in a single sentence.</source>
      <translation>用一句话概括全部内容。</translation>
    </message>
    <message>
      <source>Another summary</source>
      <translation>另一份摘要</translation>
    </message>
    <message>
      <source>For whom it is</source>
      <translation>给谁看</translation>
    </message>
    <message>
      <source>For whom?</source>
      <translation>给谁看？</translation>
    </message>
    <message>
      <source>Forget this instruction of my own</source>
      <translation>删除这个自定义指令</translation>
    </message>
    <message>
      <source>How the text is built: its topics in order, with what belongs to each.</source>
      <translation>文本的结构：依次列出各个主题及其内容。</translation>
    </message>
    <message>
      <source>In its own sentences</source>
      <translation>用原文句子</translation>
    </message>
    <message>
      <source>In new words</source>
      <translation>重新表述</translation>
    </message>
    <message>
      <source>Key points</source>
      <translation>要点</translation>
    </message>
    <message>
      <source>Kind of summary</source>
      <translation>摘要类型</translation>
    </message>
    <message>
      <source>Language of the result</source>
      <translation>结果的语言</translation>
    </message>
    <message>
      <source>Language of the text</source>
      <translation>文本的语言</translation>
    </message>
    <message>
      <source>Length</source>
      <translation>长度</translation>
    </message>
    <message>
      <source>Long</source>
      <translation>长</translation>
    </message>
    <message>
      <source>Markdown (*.md);;All files (*)</source>
      <translation>Markdown (*.md);;所有文件 (*)</translation>
    </message>
    <message>
      <source>Medium length</source>
      <translation>中等长度</translation>
    </message>
    <message>
      <source>New summary</source>
      <translation>新摘要</translation>
    </message>
    <message>
      <source>New words, or the most telling sentences of the text</source>
      <translation>重新表述，或选用文本中最有代表性的句子</translation>
    </message>
    <message>
      <source>One line</source>
      <translation>一句话</translation>
    </message>
    <message>
      <source>One over all</source>
      <translation>合为一份摘要</translation>
    </message>
    <message>
      <source>One summary each</source>
      <translation>每份一个摘要</translation>
    </message>
    <message>
      <source>Outline</source>
      <translation>大纲</translation>
    </message>
    <message>
      <source>Own instruction</source>
      <translation>自定义指令</translation>
    </message>
    <message>
      <source>Questions and answers</source>
      <translation>问答</translation>
    </message>
    <message>
      <source>Save the summary</source>
      <translation>保存摘要</translation>
    </message>
    <message>
      <source>Sentences</source>
      <translation>原文句子</translation>
    </message>
    <message>
      <source>Several texts</source>
      <translation>多份文本</translation>
    </message>
    <message>
      <source>Short</source>
      <translation>短</translation>
    </message>
    <message>
      <source>Show or hide the summaries</source>
      <translation>显示或隐藏摘要列表</translation>
    </message>
    <message>
      <source>Summarize</source>
      <translation>生成摘要</translation>
    </message>
    <message>
      <source>Summary</source>
      <translation>摘要</translation>
    </message>
    <message>
      <source>Table</source>
      <translation>表格</translation>
    </message>
    <message>
      <source>Text</source>
      <translation>文本</translation>
    </message>
    <message>
      <source>The main content in a few sentences of its own words.</source>
      <translation>用自己的话，几句话概括主要内容。</translation>
    </message>
    <message>
      <source>The most important statements as a list.</source>
      <translation>以列表给出最重要的论述。</translation>
    </message>
    <message>
      <source>The summary was copied.</source>
      <translation>摘要已复制。</translation>
    </message>
    <message>
      <source>The summary will be here.</source>
      <translation>摘要会显示在这里。</translation>
    </message>
    <message>
      <source>The text is being read…</source>
      <translation>正在读取文本…</translation>
    </message>
    <message>
      <source>Title of the summary</source>
      <translation>摘要标题</translation>
    </message>
    <message>
      <source>Topics, and what the text says about each.</source>
      <translation>各个主题，以及文本对每个主题的说明。</translation>
    </message>
    <message>
      <source>What is this kind of summary called?</source>
      <translation>这个摘要类型叫什么名称？</translation>
    </message>
    <message>
      <source>What is to be done with the text, such as “List all amounts and what they are for”</source>
      <translation>要对文本做什么，例如“列出所有金额及其用途”</translation>
    </message>
    <message>
      <source>What readers would ask, and what the text answers.</source>
      <translation>读者可能提出的问题，以及文本给出的回答。</translation>
    </message>
    <message>
      <source>What was decided, and who has to do what until when.</source>
      <translation>决定了什么，谁要在何时之前做什么。</translation>
    </message>
    <message>
      <source>What you write is done with the text, part by part if it is long.</source>
      <translation>按你写的要求处理文本，文本较长时逐个部分处理。</translation>
    </message>
    <message>
      <source>beginners</source>
      <translation>初学者</translation>
    </message>
    <message>
      <source>children</source>
      <translation>儿童</translation>
    </message>
    <message>
      <source>customers</source>
      <translation>客户</translation>
    </message>
    <message>
      <source>experts</source>
      <translation>专家</translation>
    </message>
    <message>
      <source>managers</source>
      <translation>管理者</translation>
    </message>
    <message>
      <source>my team</source>
      <translation>我的团队</translation>
    </message>
    <message>
      <source>{done} of {count} parts</source>
      <translation>{done} / {count} 个部分</translation>
    </message>
    <message>
      <source>{done} of {count} parts are done and kept.</source>
      <translation>已完成并保留 {done} / {count} 个部分。</translation>
    </message>
  </context>
  <context>
    <name>Task</name>
    <message>
      <source>Choose a model</source>
      <translation>选择模型</translation>
    </message>
    <message>
      <source>Ctrl+Enter</source>
      <translation>Ctrl+Enter</translation>
    </message>
    <message>
      <source>Instruction</source>
      <translation>指令</translation>
    </message>
    <message>
      <source>Interrupted.</source>
      <translation>已中断。</translation>
    </message>
    <message>
      <source>Keep the change</source>
      <translation>保存修改</translation>
    </message>
    <message>
      <source>Not finished.</source>
      <translation>未完成。</translation>
    </message>
    <message>
      <source>Restart</source>
      <translation>重新启动</translation>
    </message>
    <message>
      <source>Save as my own</source>
      <translation>另存为自定义</translation>
    </message>
    <message>
      <source>Save as my own…</source>
      <translation>另存为自定义…</translation>
    </message>
    <message>
      <source>Saved as {file}.</source>
      <translation>已保存为 {file}。</translation>
    </message>
    <message>
      <source>Stop</source>
      <translation>停止</translation>
    </message>
    <message>
      <source>Stopped.</source>
      <translation>已停止。</translation>
    </message>
    <message>
      <source>The files are being read…</source>
      <translation>正在读取文件…</translation>
    </message>
    <message>
      <source>Try again</source>
      <translation>重试</translation>
    </message>
    <message>
      <source>What is finished is kept (Esc)</source>
      <translation>已完成的内容会保留（Esc）</translation>
    </message>
    <message>
      <source>Working…</source>
      <translation>正在处理…</translation>
    </message>
  </context>
  <context>
    <name>TaskBar</name>
    <message>
      <source>Go on with the parts that are left</source>
      <translation>继续处理剩余的部分</translation>
    </message>
    <message>
      <source>Loading the model · {percent} %</source>
      <translation>正在加载模型 · {percent} %</translation>
    </message>
    <message>
      <source>Loading {model} · {percent} %</source>
      <translation>正在加载 {model} · {percent} %</translation>
    </message>
    <message>
      <source>Resume</source>
      <translation>继续</translation>
    </message>
    <message>
      <source>Stop</source>
      <translation>停止</translation>
    </message>
    <message>
      <source>Stopping…</source>
      <translation>正在停止…</translation>
    </message>
    <message>
      <source>What is finished is kept</source>
      <translation>已完成的内容会保留</translation>
    </message>
    <message>
      <source>about {time} left</source>
      <translation>剩余约 {time}</translation>
    </message>
    <message>
      <source>{percent} %</source>
      <translation>{percent} %</translation>
    </message>
  </context>
  <context>
    <name>Transcript</name>
    <message>
      <source>Conversation</source>
      <translation>对话</translation>
    </message>
    <message>
      <source>Jump to latest</source>
      <translation>跳到最新</translation>
    </message>
  </context>
  <context>
    <name>Window</name>
    <message>
      <source>About Rolltop</source>
      <translation>关于 Rolltop</translation>
    </message>
    <message>
      <source>CPU</source>
      <translation>CPU</translation>
    </message>
    <message>
      <source>Chat</source>
      <translation>对话</translation>
    </message>
    <message>
      <source>Connections since Rolltop was started:</source>
      <translation>Rolltop 启动以来的连接：</translation>
    </message>
    <message>
      <source>GPU {some} / {all} layers</source>
      <translation>GPU {some} / {all} 层</translation>
    </message>
    <message>
      <source>Menu</source>
      <translation>菜单</translation>
    </message>
    <message>
      <source>Models</source>
      <translation>模型</translation>
    </message>
    <message>
      <source>New chat</source>
      <translation>新对话</translation>
    </message>
    <message>
      <source>Rewrite</source>
      <translation>改写</translation>
    </message>
    <message>
      <source>Rolltop {version}

Private work with local language models.
Apache License 2.0.

Your data: {folder}</source>
      <translation>Rolltop {version}

用本地语言模型私密地工作。
Apache 许可证 2.0。

你的数据：{folder}</translation>
    </message>
    <message>
      <source>Settings</source>
      <translation>设置</translation>
    </message>
    <message>
      <source>Summarize</source>
      <translation>摘要</translation>
    </message>
    <message>
      <source>conversation</source>
      <translation>对话</translation>
    </message>
    <message>
      <source>model</source>
      <translation>模型</translation>
    </message>
    <message>
      <source>{count} × {host}: {reason}</source>
      <translation>{count} × {host}：{reason}</translation>
    </message>
  </context>
  <context>
    <name>WordList</name>
    <message>
      <source>Cancel</source>
      <translation>取消</translation>
    </message>
    <message>
      <source>Keep these words</source>
      <translation>保留这些词语</translation>
    </message>
    <message>
      <source>Remove all</source>
      <translation>全部移除</translation>
    </message>
    <message>
      <source>Remove this word</source>
      <translation>移除这个词语</translation>
    </message>
    <message>
      <source>These words stay as they are. Write the wanted form beside a word to have it used instead, such as a term in another language. Numbers, names, code and links are kept in any case.</source>
      <translation>这些词语保持原样。如果想换一种写法，例如另一种语言的术语，请写在词语旁边。数字、名称、代码和链接总会保留。</translation>
    </message>
    <message>
      <source>Word</source>
      <translation>词语</translation>
    </message>
    <message>
      <source>Words to keep</source>
      <translation>要保留的词语</translation>
    </message>
    <message>
      <source>Written as</source>
      <translation>写作</translation>
    </message>
    <message>
      <source>as it is</source>
      <translation>保持原样</translation>
    </message>
  </context>
</TS>
